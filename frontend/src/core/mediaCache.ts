/** Media that were fetched, so that scrolling back does not fetch them again. Bounded; evicts the least recently used. */

export type MediaKey = { readonly conversationId: string; readonly messageId: number; readonly index: number };

type Fetch = (key: MediaKey, signal: AbortSignal) => Promise<Blob>;

/** A browser opens six connections to a host: leave some for other requests. */
const MAX_CONCURRENT = 3;

export class MediaCache {
  readonly #fetch: Fetch;
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #blobs = new Map<string, Blob>();
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #running = 0;

  constructor(fetch: Fetch, maxBytes: number) {
    this.#fetch = fetch;
    this.#maxBytes = maxBytes;
  }

  /** Return a medium, from the cache or fetched. Rejects with the error of `fetch`, or if `signal` is aborted. */
  async load(key: MediaKey, signal: AbortSignal): Promise<Blob> {
    const name = `${key.conversationId}/${key.messageId.toString()}/${key.index.toString()}`;
    const cached = this.#blobs.get(name);
    if (cached) {
      this.#blobs.delete(name);
      this.#blobs.set(name, cached);
      return cached;
    }
    await this.#acquireSlot();
    try {
      signal.throwIfAborted();
      const blob = await this.#fetch(key, signal);
      this.#add(name, blob);
      return blob;
    } finally {
      this.#releaseSlot();
    }
  }

  async #acquireSlot(): Promise<void> {
    if (this.#running < MAX_CONCURRENT) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Pass the slot on to the next in line. */
  #releaseSlot(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }

  #add(name: string, blob: Blob): void {
    if (blob.size > this.#maxBytes / 2) return; // it would evict everything else
    this.#bytes += blob.size - (this.#blobs.get(name)?.size ?? 0);
    this.#blobs.delete(name);
    this.#blobs.set(name, blob);
    for (const [oldest, { size }] of this.#blobs) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#blobs.delete(oldest);
      this.#bytes -= size;
    }
  }
}

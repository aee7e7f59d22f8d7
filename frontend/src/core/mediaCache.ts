/** What has been fetched, so that scrolling back does not fetch it again: bounded, the least recently used goes first. */

export type MediaKey = { readonly conversationId: string; readonly messageId: number; readonly index: number };

type Fetch = (key: MediaKey, signal: AbortSignal) => Promise<Blob>;

/** A few at once: a browser has six connections to a host, and others have something to ask, too. */
const MAX_AT_ONCE = 3;

export class MediaStore {
  readonly #fetch: Fetch;
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #held = new Map<string, Blob>();
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #running = 0;

  constructor(fetch: Fetch, maxBytes: number) {
    this.#fetch = fetch;
    this.#maxBytes = maxBytes;
  }

  /** Return the medium, from memory or fetched; rejects with what `fetch` throws, and when `signal` is aborted. */
  async load(key: MediaKey, signal: AbortSignal): Promise<Blob> {
    const name = `${key.conversationId}/${key.messageId.toString()}/${key.index.toString()}`;
    const held = this.#held.get(name);
    if (held) {
      this.#held.delete(name);
      this.#held.set(name, held);
      return held;
    }
    await this.#turn();
    try {
      signal.throwIfAborted();
      const blob = await this.#fetch(key, signal);
      this.#keep(name, blob);
      return blob;
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < MAX_AT_ONCE) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // whoever ends hands its turn on
  }

  #keep(name: string, blob: Blob): void {
    if (blob.size > this.#maxBytes / 2) return; // it would push out everything else
    this.#bytes += blob.size - (this.#held.get(name)?.size ?? 0);
    this.#held.delete(name);
    this.#held.set(name, blob);
    for (const [oldest, { size }] of this.#held) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#held.delete(oldest);
      this.#bytes -= size;
    }
  }
}

/** Which conversations are on a screen, and which were lately: their messages stay in the state. */

/** Threads that are kept after nothing shows them, since they may be opened again. */
const MAX_IDLE_THREADS = 20;

export class WatchedThreads {
  /** The number of watchers by conversation, in the order of their last `watch`. */
  readonly #watchers = new Map<string, number>();

  /** Watch a conversation until the returned function is called. */
  watch(conversationId: string): () => void {
    const count = this.#watchers.get(conversationId) ?? 0;
    this.#watchers.delete(conversationId);
    this.#watchers.set(conversationId, count + 1);
    let isReleased = false;
    return () => {
      if (!isReleased) {
        isReleased = true;
        this.#watchers.set(conversationId, (this.#watchers.get(conversationId) ?? 1) - 1);
      }
    };
  }

  /** Whether the messages of a conversation are kept. */
  has(conversationId: string): boolean {
    return this.#watchers.has(conversationId);
  }

  /** The conversations whose messages are kept. */
  all(): readonly string[] {
    return [...this.#watchers.keys()];
  }

  /** The conversations that are watched now. */
  active(): readonly string[] {
    return [...this.#watchers].filter(([, count]) => count > 0).map(([id]) => id);
  }

  /** Forget the conversations that were watched longest ago, and return them. */
  evict(): readonly string[] {
    const idle = [...this.#watchers].filter(([, count]) => count === 0).map(([id]) => id);
    const evicted = idle.slice(0, Math.max(0, idle.length - MAX_IDLE_THREADS));
    for (const id of evicted) {
      this.#watchers.delete(id);
    }
    return evicted;
  }
}

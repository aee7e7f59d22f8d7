/** A token bucket: at most `burst` calls at once, and `perSecond` on average. It starts full. */

export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  #available: number;
  #lastAt: number | null = null;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#available = burst;
  }

  /** Return whether a call is allowed at `now`, milliseconds since 1970. If so, it counts as made. */
  tryAcquire(now: number): boolean {
    const elapsedSeconds = Math.max(0, now - (this.#lastAt ?? now)) / 1_000; // the clock may have been set back
    this.#lastAt = now;
    this.#available = Math.min(this.#burst, this.#available + elapsedSeconds * this.#perSecond);
    const isAllowed = this.#available >= 1;
    this.#available -= isAllowed ? 1 : 0;
    return isAllowed;
  }

  /** How long after the last `tryAcquire` the next call is allowed, in milliseconds. */
  get waitMs(): number {
    return Math.ceil((Math.max(0, 1 - this.#available) / this.#perSecond) * 1_000);
  }
}

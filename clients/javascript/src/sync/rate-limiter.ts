/** How often something may be done: at most `burst` times at once, and `perSecond` on average. A fresh one is full. */

export class Pace {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #at: number | null = null;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
  }

  /** Whether it may be done at `now`, milliseconds since 1970; then it counts as done. */
  take(now: number): boolean {
    const passed = Math.max(0, now - (this.#at ?? now)) / 1_000; // the clock may have been set back
    this.#at = now;
    this.#left = Math.min(this.#burst, this.#left + passed * this.#perSecond);
    const isAllowed = this.#left >= 1;
    this.#left -= isAllowed ? 1 : 0;
    return isAllowed;
  }

  /** How long after the last `take` the next one succeeds, milliseconds. */
  get waitMs(): number {
    return Math.ceil((Math.max(0, 1 - this.#left) / this.#perSecond) * 1_000);
  }
}

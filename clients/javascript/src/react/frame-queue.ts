/** One frame after another: the next one only when the last was seen. */

import type { AnyFrame } from "../protocol/types.js";

/** Whoever has not seen so many is not looking: a component that is suspended, say. */
const MOST_WAITING = 10_000;

/** What React would make of ten frames in one burst is one rendering with the tenth. Here each frame is shown until whoever
 * shows it says that its effects have run; only then comes the next, in a task of its own. At most 10,000 wait: with one
 * more all go, and a `reset` comes in their place, as from a server whose log does not reach back, with the reason `not_seen`.
 */
export class FrameQueue {
  #waiting: AnyFrame[] = [];
  readonly #show: (frame: AnyFrame) => void;
  readonly #later: (run: () => void) => void;
  #shown: AnyFrame | null = null;
  #isDue = false;

  constructor(show: (frame: AnyFrame) => void, later: (run: () => void) => void) {
    this.#show = show;
    this.#later = later;
  }

  add(frame: AnyFrame): void {
    if (this.#waiting.length < MOST_WAITING) {
      this.#waiting.push(frame);
    } else {
      const seq = [...this.#waiting, frame].reduce((highest, one) => Math.max(highest, one.seq ?? 0), 0);
      this.#waiting = [{ type: "reset", data: { seq, reason: "not_seen" } }];
    }
    this.#next();
  }

  /** The effects of the rendering with `frame` have run. */
  seen(frame: AnyFrame | null): void {
    if (frame !== null && frame === this.#shown) {
      this.#shown = null;
      this.#next();
    }
  }

  #next(): void {
    if (this.#shown !== null || this.#isDue || this.#waiting.length === 0) {
      return;
    }
    this.#isDue = true;
    this.#later(() => {
      this.#isDue = false;
      const frame = this.#shown === null ? this.#waiting.shift() : undefined;
      if (frame !== undefined) {
        this.#shown = frame;
        this.#show(frame);
      }
    });
  }
}

/** Renders frames one at a time. */

import type { AnyFrame } from "../protocol/types.js";

/** More frames than this wait only for a component that does not render, such as a suspended one. */
const MAX_WAITING_FRAMES = 10_000;

/** Renders each frame until its effects have run, then the next one in a new task.
 *
 * Without this, React would batch a burst of ten frames into one rendering with the last. At most 10,000 frames wait. One
 * more discards them all: a `reset` with the reason `not_seen` takes their place, as from a server whose log was pruned.
 */
export class FrameQueue {
  #waiting: AnyFrame[] = [];
  readonly #render: (frame: AnyFrame) => void;
  readonly #schedule: (task: () => void) => void;
  #rendered: AnyFrame | null = null;
  #isScheduled = false;

  /**
   * @param render renders a frame; its effects call `acknowledge`
   * @param schedule runs a task after the current one
   */
  constructor(render: (frame: AnyFrame) => void, schedule: (task: () => void) => void) {
    this.#render = render;
    this.#schedule = schedule;
  }

  add(frame: AnyFrame): void {
    if (this.#waiting.length < MAX_WAITING_FRAMES) {
      this.#waiting.push(frame);
    } else {
      const seq = [...this.#waiting, frame].reduce((highest, { seq = 0 }) => Math.max(highest, seq), 0);
      this.#waiting = [{ type: "reset", data: { seq, reason: "not_seen" } }];
    }
    this.#next();
  }

  /** The effects of the rendering with `frame` have run. Ignored if another frame is rendered. */
  acknowledge(frame: AnyFrame | null): void {
    if (frame !== null && frame === this.#rendered) {
      this.#rendered = null;
      this.#next();
    }
  }

  #next(): void {
    if (this.#rendered !== null || this.#isScheduled || this.#waiting.length === 0) {
      return;
    }
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      const frame = this.#rendered === null ? this.#waiting.shift() : undefined;
      if (frame !== undefined) {
        this.#rendered = frame;
        this.#render(frame);
      }
    });
  }
}

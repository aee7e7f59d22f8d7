/** Lets typing expire: ticks the state's clock while somebody types, in the server's time. */

import type { TypingFrame } from "../protocol/types.js";
import type { Environment } from "../runtime/environment.js";
import type { InboxStore } from "../state/store.js";

/** The protocol defines that typing lasts six seconds: a frame with more or less time left means that the clocks differ. */
const TYPING_MS = 6_000;
/** A frame may be this much early without being a sign of another clock. */
const TOLERANCE_MS = 500;
const TICK_MS = 1_000;

export class TypingClock {
  readonly #store: InboxStore;
  readonly #environment: Pick<Environment, "now" | "setTimer">;
  /** How far the server's clock is ahead, milliseconds. */
  #skewMs = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(store: InboxStore, environment: Pick<Environment, "now" | "setTimer">) {
    this.#store = store;
    this.#environment = environment;
  }

  /** Adjust to the server's clock before a frame is applied, and tick until its typing expires. */
  received({ data }: TypingFrame): void {
    const remainingMs = Date.parse(data.until) - this.#environment.now() - this.#skewMs;
    if (remainingMs <= 0 || remainingMs > TYPING_MS + TOLERANCE_MS) {
      this.#skewMs += remainingMs - TYPING_MS;
    }
    this.#tick();
  }

  /** Expire all typing, and stop ticking. */
  stop(): void {
    this.#cancelTimer();
    if (this.#store.state.typing.length > 0) {
      this.#store.dispatch({ type: "tick", now: this.#environment.now() + this.#skewMs + TYPING_MS });
    }
  }

  #tick(): void {
    this.#cancelTimer();
    this.#store.dispatch({ type: "tick", now: this.#environment.now() + this.#skewMs });
    this.#cancelTimer = this.#environment.setTimer(TICK_MS, () => {
      if (this.#store.state.typing.length > 0) {
        this.#tick();
      }
    });
  }
}

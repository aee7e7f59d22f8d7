/** Holds the state and notifies subscribers: of the first change at once, of a burst of changes once per frame. */

import type { Environment } from "../runtime/environment.js";
import { Emitter } from "../runtime/emitter.js";
import { emptyInbox, type InboxState } from "./inbox-state.js";
import type { InboxAction } from "./actions.js";
import { reduce } from "./reducer.js";

/** One frame of the display: subscribers draw no more often. */
const NOTIFY_INTERVAL_MS = 16;

export class InboxStore {
  readonly #environment: Pick<Environment, "setTimer">;
  readonly #events = new Emitter<{ readonly change: null }>();
  #state: InboxState = emptyInbox;
  #isIdle = true;
  #isNotificationDue = false;

  constructor(environment: Pick<Environment, "setTimer">) {
    this.#environment = environment;
  }

  get state(): InboxState {
    return this.#state;
  }

  /** Call `listener` after changes; returns a function that stops this. */
  subscribe(listener: () => void): () => void {
    return this.#events.on("change", listener);
  }

  dispatch(action: InboxAction): void {
    const state = reduce(this.#state, action);
    if (state !== this.#state) {
      this.#state = state;
      this.notify();
    }
  }

  /** Notify subscribers of a change, of the state or of something beside it. */
  notify(): void {
    if (!this.#isIdle) {
      this.#isNotificationDue = true;
      return;
    }
    this.#isIdle = false;
    this.#environment.setTimer(NOTIFY_INTERVAL_MS, () => {
      this.#isIdle = true;
      if (this.#isNotificationDue) {
        this.#isNotificationDue = false;
        this.notify();
      }
    });
    this.#events.emit("change", null);
  }
}

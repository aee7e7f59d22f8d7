/** Holds the one state, and tells of changes: the first at once, those of a burst together. */

import type { Environment } from "../runtime/environment.js";
import { Emitter } from "../runtime/emitter.js";
import { reduce, type InboxEvent } from "./reducer.js";
import { emptyInbox, type InboxState } from "./inbox-state.js";

/** As long as a picture on the screen: who listens draws no more often. */
const BURST_MS = 16;

export class Holder {
  readonly #environment: Pick<Environment, "after">;
  readonly #changes = new Emitter<{ readonly change: null }>();
  #state: InboxState = emptyInbox;
  #isQuiet = true;
  #isDue = false;

  constructor(environment: Pick<Environment, "after">) {
    this.#environment = environment;
  }

  get state(): InboxState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    return this.#changes.on("change", listener);
  }

  dispatch(event: InboxEvent): void {
    const state = reduce(this.#state, event);
    if (state !== this.#state) {
      this.#state = state;
      this.changed();
    }
  }

  /** Tell that something has changed, here or beside it. */
  changed(): void {
    if (!this.#isQuiet) {
      this.#isDue = true;
      return;
    }
    this.#isQuiet = false;
    this.#environment.after(BURST_MS, () => {
      this.#isQuiet = true;
      if (this.#isDue) {
        this.#isDue = false;
        this.changed();
      }
    });
    this.#changes.emit("change", null);
  }
}

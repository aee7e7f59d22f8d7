/** Sends the text `ping` every 30 s for as long as somebody needs it. */

import type { Environment } from "../runtime/environment.js";

const PING_INTERVAL_MS = 30_000;

export class Pinger {
  readonly #environment: Pick<Environment, "setTimer">;
  readonly #send: () => void;
  #users = 0;
  #cancelTimer: (() => void) | null = null;

  /** @param send sends a ping if the connection is live */
  constructor(environment: Pick<Environment, "setTimer">, send: () => void) {
    this.#environment = environment;
    this.#send = send;
  }

  /** Send pings until the returned function is called; each caller gets a function of its own. */
  start(): () => void {
    this.#users += 1;
    this.#cancelTimer ??= this.#schedule();
    let isReleased = false;
    return () => {
      this.#users -= isReleased ? 0 : 1;
      isReleased = true;
      if (this.#users === 0) {
        this.#cancelTimer?.();
        this.#cancelTimer = null;
      }
    };
  }

  #schedule(): () => void {
    return this.#environment.setTimer(PING_INTERVAL_MS, () => {
      this.#send();
      this.#cancelTimer = this.#schedule();
    });
  }
}

/** The state machine of a connection in the hands of a test: with a clock that only the test moves. */

import {
  initialConnection,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
} from "../../src/connection/machine-state.js";
import { transition } from "../../src/connection/machine.js";
import { hello } from "./fake-browser.js";

export const SECOND = 1000;

/** A machine, the effects that it asked for last, and a clock. */
export class Machine {
  state: ConnectionState = initialConnection;
  effects: readonly Effect[] = [];
  now = 1_000_000;
  random = 0;
  sseAfterFailures = 3;

  on(event: ConnectionEvent): this {
    [this.state, this.effects] = transition(this.state, event, this);
    return this;
  }

  /** From `start` or a wait to `hello`. */
  live(): this {
    return this.opening().on({ type: "opened", attempt: this.attempt }).frame(hello(1, true));
  }

  opening(): this {
    this.on(this.state.step === "waiting" ? { type: "timer", name: "retry" } : { type: "start", online: true });
    return this.on({ type: "token", attempt: this.attempt, expiresAt: null });
  }

  frame(frame: ReturnType<typeof hello>): this {
    return this.on({ type: "frame", attempt: this.attempt, frame });
  }

  closed(code: number, retryAfterMs: number | null = null): this {
    return this.on({ type: "closed", attempt: this.attempt, code, reason: "why", retryAfterMs });
  }

  passes(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }

  get attempt(): number {
    return this.state.attempt;
  }

  get wait(): number | undefined {
    return this.effects.find((effect) => effect.type === "setTimer" && effect.name === "retry")?.["afterMs" as never];
  }

  asked(type: Effect["type"]): boolean {
    return this.effects.some((effect) => effect.type === type);
  }
}

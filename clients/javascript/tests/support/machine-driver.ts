/** Drives the state machine of a connection, with a clock that only the test advances. */

import {
  initialConnectionState,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
} from "../../src/connection/machine-state.js";
import { transition } from "../../src/connection/machine.js";
import { hello } from "./objects.js";

export const SECOND = 1000;

/** The machine, the effects of its last transition, and a clock. */
export class MachineDriver {
  state: ConnectionState = initialConnectionState;
  effects: readonly Effect[] = [];
  now = 1_000_000;
  random = 0;
  sseAfterFailures = 3;

  on(event: ConnectionEvent): this {
    [this.state, this.effects] = transition(this.state, event, this);
    return this;
  }

  /** Go from `start` or a scheduled retry to `hello`. */
  live(): this {
    return this.opening().on({ type: "opened", attempt: this.attempt }).frame(hello(1, true));
  }

  /** Go from `start` or a scheduled retry until the transport opens. */
  opening(): this {
    this.on(this.state.step === "waiting" ? { type: "timer", name: "retry" } : { type: "start", isOnline: true });
    return this.on({ type: "tokenReceived", attempt: this.attempt, expiresAt: null });
  }

  frame(frame: ReturnType<typeof hello>): this {
    return this.on({ type: "frame", attempt: this.attempt, frame });
  }

  closed(code: number, retryAfterMs: number | null = null): this {
    return this.on({ type: "closed", attempt: this.attempt, code, reason: "why", retryAfterMs });
  }

  advance(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }

  get attempt(): number {
    return this.state.attempt;
  }

  /** The delay of the scheduled retry, in milliseconds. */
  get retryDelay(): number | undefined {
    return this.effects.find((effect) => effect.type === "setTimer" && effect.name === "retry")?.["afterMs" as never];
  }

  /** Whether the last transition has such an effect. */
  requested(type: Effect["type"]): boolean {
    return this.effects.some((effect) => effect.type === type);
  }
}

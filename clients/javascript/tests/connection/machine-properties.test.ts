/** Properties of the connection that hold for every sequence of events. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ConnectionEvent, TimerName } from "../../src/connection/machine-state.js";
import { MachineDriver } from "../support/machine-driver.js";
import { hello } from "../support/objects.js";

type Input =
  | {
      readonly kind: "page";
      readonly type:
        "start" | "stop" | "online" | "offline" | "visible" | "hidden" | "frozen" | "resumed" | "reconnect";
    }
  | { readonly kind: "token"; readonly type: "tokenReceived" | "tokenMissing" | "tokenFailed" | "tokenRenewed" }
  | { readonly kind: "received"; readonly type: "opened" | "hello" | "pong" | "outOfSync" }
  | { readonly kind: "closed"; readonly code: number; readonly retryAfterMs: number | null }
  | { readonly kind: "wait"; readonly ms: number };

const input: fc.Arbitrary<Input> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("page" as const),
      type: fc.constantFrom(
        "start",
        "stop",
        "online",
        "offline",
        "visible",
        "hidden",
        "frozen",
        "resumed",
        "reconnect",
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("token" as const),
      type: fc.constantFrom(
        "tokenReceived",
        "tokenReceived",
        "tokenReceived",
        "tokenMissing",
        "tokenFailed",
        "tokenRenewed",
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("received" as const),
      type: fc.constantFrom("opened", "hello", "hello", "pong", "outOfSync"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("closed" as const),
      code: fc.constantFrom(1006, 1012, 1012, 4001, 4003, 4008, 4009, 4400),
      retryAfterMs: fc.option(fc.nat(90_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.oneof(fc.nat(2_000), fc.nat(120_000)) }),
  },
);

/** A browser around the machine. It ignores events that cannot happen in its state. */
class Browser {
  readonly machine = new MachineDriver();
  readonly timers = new Map<TimerName, number>();
  connections = 0;
  tokenRequests = 0;
  /** The server allows no attempt before this time. */
  notBefore = 0;

  handle(input: Input): void {
    const { attempt } = this.machine;
    switch (input.kind) {
      case "page":
        this.notBefore = input.type === "reconnect" || input.type === "start" ? 0 : this.notBefore;
        this.on({ type: input.type, isOnline: true });
        break;
      case "token":
        if (this.tokenRequests > 0) {
          this.tokenRequests -= 1;
          this.on({ type: input.type, attempt, expiresAt: this.machine.now + 100_000, detail: "unavailable" });
        }
        break;
      case "received":
        if (this.connections > 0) {
          this.on(
            input.type === "hello" || input.type === "pong"
              ? { type: "frame", attempt, frame: input.type === "hello" ? hello(1, true) : { type: "pong" } }
              : { type: input.type, attempt },
          );
        }
        break;
      case "closed":
        if (this.connections > 0) {
          this.connections -= 1;
          const delayMs = input.retryAfterMs ?? (input.code === 4009 ? 60_000 : 0);
          this.notBefore = this.machine.now + ([4001, 4003, 4400].includes(input.code) ? 0 : delayMs);
          this.on({
            type: "closed",
            attempt,
            code: input.code,
            reason: "why",
            retryAfterMs: input.retryAfterMs,
          });
        }
        break;
      case "wait":
        this.advance(input.ms);
    }
  }

  /** Advance the clock. Timers run late, as in browsers. */
  advance(ms: number): void {
    this.machine.advance(ms);
    for (const [name, due] of [...this.timers]) {
      if (due <= this.machine.now && this.timers.delete(name)) {
        this.on({ type: "timer", name });
      }
    }
  }

  on(event: ConnectionEvent): void {
    this.machine.on(event);
    for (const effect of this.machine.effects) {
      switch (effect.type) {
        case "setTimer":
          expect(effect.afterMs).toBeGreaterThanOrEqual(0);
          this.timers.set(effect.name, this.machine.now + effect.afterMs);
          break;
        case "cancelTimer":
          this.timers.delete(effect.name);
          break;
        case "open":
          expect(this.connections, "a second connection").toBe(0);
          this.connections += 1;
          break;
        case "close":
          this.connections = 0;
          break;
        case "fetchToken":
          this.tokenRequests = 1;
          expect(this.machine.now, "sooner than the server allows").toBeGreaterThanOrEqual(this.notBefore);
          break;
        default: // sends something
      }
    }
    this.expectInvariants();
  }

  /** Every state that is not at rest has a timer that ends it. */
  expectInvariants(): void {
    const { phase, step } = this.machine.state;
    const due = {
      idle: null,
      fetchingToken: "connectTimeout",
      opening: "connectTimeout",
      awaitingHello: "connectTimeout",
      live: "heartbeatCheck",
      waiting: "retry",
    } as const;
    const name = due[step];
    expect(name === null || this.timers.has(name), `${step}: ${[...this.timers.keys()].join()}`).toBe(true);
    expect(name !== null || this.timers.size === 0, "a timer is left").toBe(true);
    expect(step === "idle").toBe(phase === "stopped" || phase === "offline");
    expect(step === "live").toBe(phase === "live");
    expect(this.connections).toBe(["opening", "awaitingHello", "live"].includes(step) ? 1 : 0);
  }
}

const inputs = fc.array(input, { maxLength: 60 });

test("there is never a second connection, a phase that nothing ends, or a retry before the server allows it", () => {
  fc.assert(
    fc.property(inputs, (all) => {
      const browser = new Browser();
      browser.handle({ kind: "page", type: "start" });
      all.forEach((one) => {
        browser.handle(one);
      });
    }),
    { numRuns: 1_000 },
  );
});

test("whatever happened, it is live again within minutes once everything works", () => {
  fc.assert(
    fc.property(inputs, (all) => {
      const browser = new Browser();
      browser.handle({ kind: "page", type: "start" });
      all.forEach((one) => {
        browser.handle(one);
      });

      browser.handle({ kind: "page", type: "online" });
      browser.handle({ kind: "page", type: "start" });
      for (let second = 0; second < 300 && browser.machine.state.phase !== "live"; second += 1) {
        browser.handle({ kind: "token", type: "tokenReceived" });
        browser.handle({ kind: "received", type: "opened" });
        browser.handle({ kind: "received", type: "hello" });
        browser.advance(1_000);
      }
      expect(browser.machine.state.phase).toBe("live");
    }),
  );
});

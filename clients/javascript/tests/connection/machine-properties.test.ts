/** What holds of a connection whatever happens to it, in whatever order. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ConnectionEvent, TimerName } from "../../src/connection/machine-state.js";
import { Machine } from "../support/machine-driver.js";
import { hello } from "../support/fake-browser.js";

type Happening =
  | {
      readonly what: "page";
      readonly type:
        "start" | "stop" | "online" | "offline" | "visible" | "hidden" | "frozen" | "resumed" | "reconnect";
    }
  | { readonly what: "token"; readonly type: "token" | "noToken" | "tokenFailed" | "renewed" }
  | { readonly what: "heard"; readonly type: "opened" | "hello" | "pong" | "broken" }
  | { readonly what: "closed"; readonly code: number; readonly retryAfterMs: number | null }
  | { readonly what: "passes"; readonly ms: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("page" as const),
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
      what: fc.constant("token" as const),
      type: fc.constantFrom("token", "token", "token", "noToken", "tokenFailed", "renewed"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("heard" as const),
      type: fc.constantFrom("opened", "hello", "hello", "pong", "broken"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("closed" as const),
      code: fc.constantFrom(1006, 1012, 1012, 4001, 4003, 4008, 4009, 4400),
      retryAfterMs: fc.option(fc.nat(90_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant("passes" as const), ms: fc.oneof(fc.nat(2_000), fc.nat(120_000)) }),
  },
);

/** A browser around the machine, in which only that happens which can. */
class Browser {
  readonly machine = new Machine();
  readonly timers = new Map<TimerName, number>();
  connections = 0;
  asked = 0;
  /** Until then the server wants nobody back. */
  notBefore = 0;

  happens(happening: Happening): void {
    const { attempt } = this.machine;
    switch (happening.what) {
      case "page":
        this.notBefore = happening.type === "reconnect" || happening.type === "start" ? 0 : this.notBefore;
        this.on({ type: happening.type, online: true });
        break;
      case "token":
        if (this.asked > 0) {
          this.asked -= 1;
          this.on({ type: happening.type, attempt, expiresAt: this.machine.now + 100_000, detail: "away" });
        }
        break;
      case "heard":
        if (this.connections > 0) {
          this.on(
            happening.type === "hello" || happening.type === "pong"
              ? { type: "frame", attempt, frame: happening.type === "hello" ? hello(1, true) : { type: "pong" } }
              : { type: happening.type, attempt },
          );
        }
        break;
      case "closed":
        if (this.connections > 0) {
          this.connections -= 1;
          const ordered = happening.retryAfterMs ?? (happening.code === 4009 ? 60_000 : 0);
          this.notBefore = this.machine.now + ([4001, 4003, 4400].includes(happening.code) ? 0 : ordered);
          this.on({
            type: "closed",
            attempt,
            code: happening.code,
            reason: "why",
            retryAfterMs: happening.retryAfterMs,
          });
        }
        break;
      case "passes":
        this.passes(happening.ms);
    }
  }

  /** Timers run late, as browsers let them. */
  passes(ms: number): void {
    this.machine.passes(ms);
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
        case "getToken":
          this.asked = 1;
          expect(this.machine.now, "sooner than ordered").toBeGreaterThanOrEqual(this.notBefore);
          break;
        default: // it says something
      }
    }
    this.isSound();
  }

  /** Where something is wanted, something is under way that ends. */
  isSound(): void {
    const { phase, step } = this.machine.state;
    const due = {
      idle: null,
      token: "opening",
      opening: "opening",
      greeting: "opening",
      live: "watchdog",
      waiting: "retry",
    } as const;
    const name = due[step];
    expect(name === null || this.timers.has(name), `${step}: ${[...this.timers.keys()].join()}`).toBe(true);
    expect(name !== null || this.timers.size === 0, "a timer is left").toBe(true);
    expect(step === "idle").toBe(phase === "stopped" || phase === "offline");
    expect(step === "live").toBe(phase === "live");
    expect(this.connections).toBe(["opening", "greeting", "live"].includes(step) ? 1 : 0);
  }
}

const happenings = fc.array(happening, { maxLength: 60 });

test("there is never a second connection, never a phase that nothing ends, and never a return before it is wanted", () => {
  fc.assert(
    fc.property(happenings, (all) => {
      const browser = new Browser();
      browser.happens({ what: "page", type: "start" });
      all.forEach((one) => {
        browser.happens(one);
      });
    }),
    { numRuns: 1_000 },
  );
});

test("whatever has happened, it is live again within minutes once everything works", () => {
  fc.assert(
    fc.property(happenings, (all) => {
      const browser = new Browser();
      browser.happens({ what: "page", type: "start" });
      all.forEach((one) => {
        browser.happens(one);
      });

      browser.happens({ what: "page", type: "online" });
      browser.happens({ what: "page", type: "start" });
      for (let second = 0; second < 300 && browser.machine.state.phase !== "live"; second += 1) {
        browser.happens({ what: "token", type: "token" });
        browser.happens({ what: "heard", type: "opened" });
        browser.happens({ what: "heard", type: "hello" });
        browser.passes(1_000);
      }
      expect(browser.machine.state.phase).toBe("live");
    }),
  );
});

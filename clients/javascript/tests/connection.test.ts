import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff } from "../src/backoff.js";
import {
  initialConnection,
  transition,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
} from "../src/connection.js";
import { hello } from "./world.js";

const SECOND = 1000;

/** A machine, the effects that it asked for last, and a clock. */
class Machine {
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

describe("back-off", () => {
  test("grows from half a second to thirty, each time between half of and the whole", () => {
    expect([0, 1, 2, 6, 50].map((failures) => backoff(failures, 0))).toEqual([250, 500, 1000, 15_000, 15_000]);
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
        const ceiling = Math.min(30_000, 500 * 2 ** failures);
        expect(backoff(failures, random)).toBeGreaterThanOrEqual(ceiling / 2);
        expect(backoff(failures, random)).toBeLessThanOrEqual(ceiling);
      }),
    );
  });

  test("goes on growing until a connection has lasted", () => {
    const machine = new Machine().live();

    expect(machine.closed(1006).wait).toBe(250);
    expect(machine.live().closed(1006).wait).toBe(500);
    expect(machine.opening().closed(1006).wait).toBe(1000);
    expect(machine.live().passes(10 * SECOND).closed(1006).wait).toBe(250);
  });
});

describe("close codes", () => {
  test("1012 comes back exactly when it was told to, also when the page is shown before", () => {
    const machine = new Machine().live().closed(1012, 4300);

    expect(machine.wait).toBe(4300);
    expect(machine.on({ type: "visible" }).state.step).toBe("waiting");
    expect(machine.on({ type: "timer", name: "retry" }).asked("getToken")).toBe(true);
  });

  test("1012 without a hint waits as after any other loss", () => {
    expect(new Machine().live().closed(1012).wait).toBe(250);
  });

  test("4001 asks for another token at once, and again only after a while", () => {
    const machine = new Machine().live().closed(4001);

    expect(machine.effects).toContainEqual({ type: "getToken", attempt: machine.attempt, reason: "refused" });
    machine.on({ type: "token", attempt: machine.attempt, expiresAt: null }).closed(4001);
    expect(machine.wait).toBe(250);
    machine.on({ type: "timer", name: "retry" });
    expect(machine.effects).toContainEqual({ type: "getToken", attempt: machine.attempt, reason: "refused" });
  });

  test.each([
    [4003, "forbidden"],
    [4400, "refused"],
  ])("%i stops for good: %s", (code, reason) => {
    const machine = new Machine().live().closed(code);

    expect(machine.state).toMatchObject({ phase: "stopped", reason, detail: `${String(code)} why` });
    expect(machine.on({ type: "visible" }).on({ type: "online" }).state.phase).toBe("stopped");
    expect(machine.on({ type: "reconnect" }).state.phase).toBe("connecting");
  });

  test("4009 comes back after a minute", () => {
    expect(new Machine().live().closed(4009).wait).toBe(60 * SECOND);
  });

  test.each([4008, 1001, 1006, 1009, 1011, 4999])("%i comes back after the back-off", (code) => {
    const machine = new Machine().live().closed(code);

    expect(machine.wait).toBe(250);
    expect(machine.state.phase).toBe("connecting");
  });
});

describe("a connection that says nothing", () => {
  test("is given up after two and a half heartbeats", () => {
    const machine = new Machine().live();

    expect(machine.effects).toContainEqual({ type: "setTimer", name: "watchdog", afterMs: 50 * SECOND });
    machine.passes(20 * SECOND).frame({ type: "heartbeat" });
    machine.passes(30 * SECOND).on({ type: "timer", name: "watchdog" });
    expect(machine.state.phase).toBe("live");
    expect(machine.effects).toEqual([{ type: "setTimer", name: "watchdog", afterMs: 20 * SECOND }]);
    machine.passes(20 * SECOND).on({ type: "timer", name: "watchdog" });
    expect(machine.state.phase).toBe("connecting");
    expect(machine.asked("close")).toBe(true);
  });

  test("has to prove itself when the page is shown again", () => {
    const machine = new Machine().live().passes(30 * SECOND).on({ type: "visible" });

    expect(machine.asked("ping")).toBe(true);
    machine.passes(5 * SECOND).on({ type: "timer", name: "probe" });
    expect(machine.state.step).toBe("waiting");
  });

  test("is not given up where it answers", () => {
    const machine = new Machine().live().passes(30 * SECOND).on({ type: "visible" });

    machine.passes(SECOND).frame({ type: "pong" }).passes(4 * SECOND).on({ type: "timer", name: "probe" });
    expect(machine.state.phase).toBe("live");
  });

  test("is given up at once after the machine has slept", () => {
    expect(new Machine().live().passes(3600 * SECOND).on({ type: "visible" }).state.step).toBe("waiting");
  });

  test("is given up when it does not open in time", () => {
    expect(new Machine().opening().passes(15 * SECOND).on({ type: "timer", name: "opening" }).state.step).toBe("waiting");
  });
});

describe("the network", () => {
  test("going ends everything, and coming begins it", () => {
    const machine = new Machine().live().on({ type: "offline" });

    expect(machine.state.phase).toBe("offline");
    expect(machine.asked("close")).toBe(true);
    expect(machine.on({ type: "visible" }).state.phase).toBe("offline");
    expect(machine.on({ type: "online" }).state.phase).toBe("connecting");
  });

  test("is waited for when there is none at first", () => {
    const machine = new Machine().on({ type: "start", online: false });

    expect(machine.state.phase).toBe("offline");
    expect(machine.on({ type: "online" }).asked("getToken")).toBe(true);
  });

  test("cuts a wait short, and so does the page that is shown", () => {
    expect(new Machine().live().closed(1006).on({ type: "visible" }).asked("getToken")).toBe(true);
    expect(new Machine().live().closed(1006).on({ type: "online" }).asked("getToken")).toBe(true);
  });
});

describe("tokens", () => {
  test("are renewed in band a minute before they end", () => {
    const machine = new Machine().on({ type: "start", online: true });
    machine.on({ type: "token", attempt: machine.attempt, expiresAt: machine.now + 3600 * SECOND });

    expect(machine.effects).toContainEqual({ type: "setTimer", name: "renew", afterMs: 3540 * SECOND });
    machine.on({ type: "opened", attempt: machine.attempt }).frame(hello(1, true)).on({ type: "timer", name: "renew" });
    expect(machine.effects).toEqual([{ type: "renewToken", attempt: machine.attempt }]);
    machine.on({ type: "renewed", attempt: machine.attempt, expiresAt: machine.now + 3600 * SECOND });
    expect(machine.asked("authenticate")).toBe(true);
    expect(machine.state.phase).toBe("live");
  });

  test("that are not to be had stop everything", () => {
    const machine = new Machine().on({ type: "start", online: true });

    machine.on({ type: "noToken", attempt: machine.attempt });
    expect(machine.state).toMatchObject({ phase: "stopped", reason: "signed_out" });
  });

  test("that cannot be had for the moment are asked for again", () => {
    const machine = new Machine().on({ type: "start", online: true });

    expect(machine.on({ type: "tokenFailed", attempt: machine.attempt, detail: "away" }).wait).toBe(250);
  });
});

describe("event streams", () => {
  test("come after three WebSockets that never got a hello, and stay while they work", () => {
    const machine = new Machine();

    for (const transport of ["websocket", "websocket", "websocket", "sse"]) {
      expect(machine.opening().effects).toContainEqual({ type: "open", attempt: machine.attempt, transport });
      machine.closed(1006);
    }
    expect(machine.state.transport).toBe("websocket"); // neither gets through: by turns
    machine.opening().closed(1006);
    machine.live().passes(60 * SECOND).closed(1006);
    expect(machine.state.transport).toBe("sse");
    machine.live().passes(300 * SECOND).closed(1006);
    expect(machine.state.transport).toBe("websocket"); // perhaps another network by now
  });

  test("do not come where WebSockets are answered, however shortly", () => {
    const machine = new Machine();

    for (let turn = 0; turn < 5; turn += 1) {
      machine.opening().closed(1012, 100);
      machine.opening().closed(4009);
    }
    expect(machine.state.transport).toBe("websocket");
  });

  test("never come where they are not wanted", () => {
    const machine = new Machine();
    machine.sseAfterFailures = 0;

    for (let turn = 0; turn < 9; turn += 1) {
      machine.opening().closed(1006);
    }
    expect(machine.state.transport).toBe("websocket");
  });
});

test("what comes from an earlier connection is passed over", () => {
  const machine = new Machine().live();
  const { state } = machine.closed(1006);

  machine.on({ type: "frame", attempt: 1, frame: hello(1, true) }).on({ type: "closed", attempt: 1, code: 4003, reason: "", retryAfterMs: null });
  expect(machine.state).toBe(state);
});

test("whatever happens, it is live, stopped, offline, or something is under way that ends", () => {
  const event = fc.oneof(
    fc.constantFrom<ConnectionEvent["type"]>("start", "stop", "online", "offline", "visible", "hidden", "reconnect", "token", "noToken", "tokenFailed", "renewed", "opened", "frame", "broken"),
    fc.constantFrom(1006, 1012, 4001, 4003, 4008, 4009, 4400),
    fc.constantFrom("retry", "opening", "watchdog", "probe", "renew"),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const machine = new Machine();
      const timers = new Set<string>();
      for (const what of events) {
        machine.passes(SECOND);
        const attempt = machine.attempt;
        if (typeof what === "number") {
          machine.closed(what);
        } else if (["retry", "opening", "watchdog", "probe", "renew"].includes(what)) {
          if (!timers.delete(what)) continue;
          machine.on({ type: "timer", name: what as "retry" });
        } else {
          machine.on({ type: what, attempt, online: true, frame: hello(1, true), expiresAt: null, detail: "" } as never);
        }
        for (const effect of machine.effects) {
          if (effect.type === "setTimer") timers.add(effect.name);
          if (effect.type === "cancelTimer") timers.delete(effect.name);
        }
        const { phase, step } = machine.state;
        const due = { idle: null, token: "opening", opening: "opening", greeting: "opening", live: "watchdog", waiting: "retry" }[step];
        expect(due === null || timers.has(due), `${step}: ${[...timers].join()}`).toBe(true);
        expect(step === "idle").toBe(phase === "stopped" || phase === "offline");
        expect(step === "live").toBe(phase === "live");
      }
    }),
  );
});

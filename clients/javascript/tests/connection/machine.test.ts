import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff } from "../../src/runtime/backoff.js";
import { Machine, SECOND } from "../support/machine-driver.js";
import { hello } from "../support/fake-browser.js";

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
    expect(
      machine
        .live()
        .passes(10 * SECOND)
        .closed(1006).wait,
    ).toBe(250);
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

  test("a hint is a minimum: a server that goes on refusing is asked less and less often", () => {
    const machine = new Machine().live();
    const waits = Array.from({ length: 5 }, () => {
      machine.closed(1012, 600);
      const { wait } = machine;
      machine.on({ type: "timer", name: "retry" }).on({ type: "token", attempt: machine.attempt, expiresAt: null });
      return wait;
    });

    expect(waits).toEqual([600, 600, 1000, 2000, 4000]);
  });

  test("a hint outlasts a network that comes and goes", () => {
    const machine = new Machine()
      .live()
      .closed(1012, 4300)
      .passes(300)
      .on({ type: "offline" })
      .passes(1000)
      .on({ type: "online" });

    expect(machine.wait).toBe(3000);
    expect(machine.asked("getToken")).toBe(false);
    expect(machine.passes(3000).on({ type: "visible" }).asked("getToken")).toBe(true);
  });

  test("a person who does not want to wait comes back at once", () => {
    expect(new Machine().live().closed(1012, 4300).on({ type: "reconnect" }).asked("getToken")).toBe(true);
    expect(new Machine().live().on({ type: "offline" }).on({ type: "reconnect" }).asked("getToken")).toBe(true);
  });

  test("4001 asks for another token at once, and when that is refused too the user is signed out", () => {
    const machine = new Machine()
      .live()
      .passes(10 * SECOND)
      .closed(4001);

    expect(machine.effects).toContainEqual({ type: "getToken", attempt: machine.attempt, reason: "refused" });
    machine.on({ type: "token", attempt: machine.attempt, expiresAt: null }).closed(4001);
    expect(machine.state).toMatchObject({ phase: "stopped", reason: "signed_out", detail: "4001 why" });
    expect(machine.effects.some((effect) => effect.type === "setTimer")).toBe(false);
  });

  test("4001 on each of two connections that were live is not a token that is refused twice", () => {
    const machine = new Machine()
      .live()
      .passes(10 * SECOND)
      .closed(4001);
    machine.on({ type: "token", attempt: machine.attempt, expiresAt: null });
    machine
      .on({ type: "opened", attempt: machine.attempt })
      .frame(hello(1, true))
      .passes(10 * SECOND)
      .closed(4001);

    expect(machine.effects).toContainEqual({ type: "getToken", attempt: machine.attempt, reason: "refused" });
  });

  test("4001 soon after each hello is backed off from, until a connection has lasted", () => {
    const machine = new Machine().live();

    expect(machine.closed(4001).wait).toBe(250);
    expect(machine.on({ type: "timer", name: "retry" }).effects).toContainEqual({
      type: "getToken",
      attempt: machine.attempt,
      reason: "refused",
    });
    machine
      .on({ type: "token", attempt: machine.attempt, expiresAt: null })
      .on({ type: "opened", attempt: machine.attempt });
    expect(machine.frame(hello(1, true)).closed(4001).wait).toBe(500);
    expect(
      machine
        .live()
        .passes(10 * SECOND)
        .closed(4001)
        .asked("getToken"),
    ).toBe(true);
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

    expect(machine.effects).toContainEqual({ type: "setTimer", name: "watchdog", afterMs: 10 * SECOND });
    machine.passes(20 * SECOND).frame({ type: "heartbeat" });
    machine.passes(45 * SECOND).on({ type: "timer", name: "watchdog" });
    expect(machine.state.phase).toBe("live");
    expect(machine.effects).toEqual([{ type: "setTimer", name: "watchdog", afterMs: 5 * SECOND }]);
    machine.passes(5 * SECOND).on({ type: "timer", name: "watchdog" });
    expect(machine.state.phase).toBe("connecting");
    expect(machine.asked("close")).toBe(true);
  });

  test("is given up too after the clock was set back", () => {
    const machine = new Machine().live().passes(-3600 * SECOND);

    for (let look = 0; look < 5; look += 1) {
      expect(machine.on({ type: "timer", name: "watchdog" }).state.phase).toBe("live");
      machine.passes(10 * SECOND);
    }
    expect(machine.on({ type: "timer", name: "watchdog" }).state.phase).toBe("connecting");
  });

  test("is looked at often, so that a machine whose timers slept with it notices soon after", () => {
    const machine = new Machine().live();
    const looks = machine.effects.flatMap((effect) =>
      effect.type === "setTimer" && effect.name === "watchdog" ? effect.afterMs : [],
    );

    expect(looks).toEqual([10 * SECOND]);
    expect(machine.passes(3600 * SECOND).on({ type: "timer", name: "watchdog" }).state.step).toBe("waiting");
  });

  test.each([0, -1, Number.NaN, undefined])(
    "is given up after 50 s where the server says that its heart beats every %s s",
    (heartbeat) => {
      const greeting = { type: "hello", data: { seq: 1, epoch: "e", resumed: true, heartbeat_seconds: heartbeat } };
      const machine = new Machine().opening();

      expect(machine.frame(greeting).effects).toContainEqual({
        type: "setTimer",
        name: "watchdog",
        afterMs: 10 * SECOND,
      });
    },
  );

  test("has to prove itself when the page is shown again", () => {
    const machine = new Machine()
      .live()
      .passes(30 * SECOND)
      .on({ type: "visible" });

    expect(machine.asked("ping")).toBe(true);
    machine.passes(5 * SECOND).on({ type: "timer", name: "probe" });
    expect(machine.state.step).toBe("waiting");
  });

  test("is not given up where it answers", () => {
    const machine = new Machine()
      .live()
      .passes(30 * SECOND)
      .on({ type: "visible" });

    machine
      .passes(SECOND)
      .frame({ type: "pong" })
      .passes(4 * SECOND)
      .on({ type: "timer", name: "probe" });
    expect(machine.state.phase).toBe("live");
  });

  test("is given up at once after the machine has slept", () => {
    expect(
      new Machine()
        .live()
        .passes(3600 * SECOND)
        .on({ type: "visible" }).state.step,
    ).toBe("waiting");
  });

  test("is given up when it does not open in time", () => {
    expect(
      new Machine()
        .opening()
        .passes(15 * SECOND)
        .on({ type: "timer", name: "opening" }).state.step,
    ).toBe("waiting");
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

describe("a page that stops running", () => {
  test("lets go of its connection, and comes back at once when it runs again", () => {
    const machine = new Machine().live().on({ type: "frozen" });

    expect(machine.asked("close")).toBe(true);
    expect(machine.state).toMatchObject({ phase: "connecting", step: "waiting", failures: 0 });
    expect(
      machine
        .passes(3600 * SECOND)
        .on({ type: "resumed" })
        .asked("getToken"),
    ).toBe(true);
  });

  test("comes back also where nobody says that it runs again", () => {
    const machine = new Machine().live().on({ type: "frozen" });

    expect(machine.wait).toBe(250);
    expect(machine.on({ type: "timer", name: "retry" }).asked("getToken")).toBe(true);
  });

  test("is not waited for where nothing is wanted", () => {
    const machine = new Machine().on({ type: "frozen" });

    expect(machine.effects).toEqual([]);
    expect(machine.on({ type: "resumed" }).state.phase).toBe("stopped");
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
    machine
      .live()
      .passes(60 * SECOND)
      .closed(1006);
    expect(machine.state.transport).toBe("sse");
    machine
      .live()
      .passes(300 * SECOND)
      .closed(1006);
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

  machine
    .on({ type: "frame", attempt: 1, frame: hello(1, true) })
    .on({ type: "closed", attempt: 1, code: 4003, reason: "", retryAfterMs: null });
  expect(machine.state).toBe(state);
});

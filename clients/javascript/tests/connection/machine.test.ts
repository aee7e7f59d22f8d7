import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff } from "../../src/runtime/backoff.js";
import { MachineDriver, SECOND } from "../support/machine-driver.js";
import { hello } from "../support/objects.js";

describe("backoff", () => {
  test("grows from 0.5 s to 30 s, with jitter between half and all of it", () => {
    expect([0, 1, 2, 6, 50].map((failures) => backoff(failures, 0))).toEqual([250, 500, 1000, 15_000, 15_000]);
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
        const ceiling = Math.min(30_000, 500 * 2 ** failures);
        expect(backoff(failures, random)).toBeGreaterThanOrEqual(ceiling / 2);
        expect(backoff(failures, random)).toBeLessThanOrEqual(ceiling);
      }),
    );
  });

  test("grows until a connection is stable", () => {
    const machine = new MachineDriver().live();

    expect(machine.closed(1006).retryDelay).toBe(250);
    expect(machine.live().closed(1006).retryDelay).toBe(500);
    expect(machine.opening().closed(1006).retryDelay).toBe(1000);
    expect(
      machine
        .live()
        .advance(10 * SECOND)
        .closed(1006).retryDelay,
    ).toBe(250);
  });
});

describe("close codes", () => {
  test("1012 retries exactly when the server says, even if the page is shown before", () => {
    const machine = new MachineDriver().live().closed(1012, 4300);

    expect(machine.retryDelay).toBe(4300);
    expect(machine.on({ type: "visible" }).state.step).toBe("waiting");
    expect(machine.on({ type: "timer", name: "retry" }).requested("fetchToken")).toBe(true);
  });

  test("1012 without a delay backs off as after any other loss", () => {
    expect(new MachineDriver().live().closed(1012).retryDelay).toBe(250);
  });

  test("the server's delay is a minimum: repeated refusals still back off", () => {
    const machine = new MachineDriver().live();
    const waits = Array.from({ length: 5 }, () => {
      machine.closed(1012, 600);
      const { retryDelay: wait } = machine;
      machine
        .on({ type: "timer", name: "retry" })
        .on({ type: "tokenReceived", attempt: machine.attempt, expiresAt: null });
      return wait;
    });

    expect(waits).toEqual([600, 600, 1000, 2000, 4000]);
  });

  test("the server's delay survives going offline and online", () => {
    const machine = new MachineDriver()
      .live()
      .closed(1012, 4300)
      .advance(300)
      .on({ type: "offline" })
      .advance(1000)
      .on({ type: "online" });

    expect(machine.retryDelay).toBe(3000);
    expect(machine.requested("fetchToken")).toBe(false);
    expect(machine.advance(3000).on({ type: "visible" }).requested("fetchToken")).toBe(true);
  });

  test("reconnect() does not wait", () => {
    expect(new MachineDriver().live().closed(1012, 4300).on({ type: "reconnect" }).requested("fetchToken")).toBe(true);
    expect(new MachineDriver().live().on({ type: "offline" }).on({ type: "reconnect" }).requested("fetchToken")).toBe(
      true,
    );
  });

  test("4001 requests another token at once, and a second refusal signs out", () => {
    const machine = new MachineDriver()
      .live()
      .advance(10 * SECOND)
      .closed(4001);

    expect(machine.effects).toContainEqual({ type: "fetchToken", attempt: machine.attempt, reason: "refused" });
    machine.on({ type: "tokenReceived", attempt: machine.attempt, expiresAt: null }).closed(4001);
    expect(machine.state).toMatchObject({ phase: "stopped", reason: "signed_out", detail: "4001 why" });
    expect(machine.effects.some((effect) => effect.type === "setTimer")).toBe(false);
  });

  test("4001 on two connections that were live does not count as two refusals in a row", () => {
    const machine = new MachineDriver()
      .live()
      .advance(10 * SECOND)
      .closed(4001);
    machine.on({ type: "tokenReceived", attempt: machine.attempt, expiresAt: null });
    machine
      .on({ type: "opened", attempt: machine.attempt })
      .frame(hello(1, true))
      .advance(10 * SECOND)
      .closed(4001);

    expect(machine.effects).toContainEqual({ type: "fetchToken", attempt: machine.attempt, reason: "refused" });
  });

  test("4001 soon after hello backs off until a connection is stable", () => {
    const machine = new MachineDriver().live();

    expect(machine.closed(4001).retryDelay).toBe(250);
    expect(machine.on({ type: "timer", name: "retry" }).effects).toContainEqual({
      type: "fetchToken",
      attempt: machine.attempt,
      reason: "refused",
    });
    machine
      .on({ type: "tokenReceived", attempt: machine.attempt, expiresAt: null })
      .on({ type: "opened", attempt: machine.attempt });
    expect(machine.frame(hello(1, true)).closed(4001).retryDelay).toBe(500);
    expect(
      machine
        .live()
        .advance(10 * SECOND)
        .closed(4001)
        .requested("fetchToken"),
    ).toBe(true);
  });

  test.each([
    [4003, "forbidden"],
    [4400, "refused"],
  ])("%i stops for good: %s", (code, reason) => {
    const machine = new MachineDriver().live().closed(code);

    expect(machine.state).toMatchObject({ phase: "stopped", reason, detail: `${String(code)} why` });
    expect(machine.on({ type: "visible" }).on({ type: "online" }).state.phase).toBe("stopped");
    expect(machine.on({ type: "reconnect" }).state.phase).toBe("connecting");
  });

  test("4009 retries after a minute", () => {
    expect(new MachineDriver().live().closed(4009).retryDelay).toBe(60 * SECOND);
  });

  test.each([4008, 1001, 1006, 1009, 1011, 4999])("%i retries after the backoff", (code) => {
    const machine = new MachineDriver().live().closed(code);

    expect(machine.retryDelay).toBe(250);
    expect(machine.state.phase).toBe("connecting");
  });
});

describe("a silent connection", () => {
  test("is given up after two and a half heartbeats", () => {
    const machine = new MachineDriver().live();

    expect(machine.effects).toContainEqual({ type: "setTimer", name: "heartbeatCheck", afterMs: 10 * SECOND });
    machine.advance(20 * SECOND).frame({ type: "heartbeat" });
    machine.advance(45 * SECOND).on({ type: "timer", name: "heartbeatCheck" });
    expect(machine.state.phase).toBe("live");
    expect(machine.effects).toEqual([{ type: "setTimer", name: "heartbeatCheck", afterMs: 5 * SECOND }]);
    machine.advance(5 * SECOND).on({ type: "timer", name: "heartbeatCheck" });
    expect(machine.state.phase).toBe("connecting");
    expect(machine.requested("close")).toBe(true);
  });

  test("is given up even if the clock was set back", () => {
    const machine = new MachineDriver().live().advance(-3600 * SECOND);

    for (let look = 0; look < 5; look += 1) {
      expect(machine.on({ type: "timer", name: "heartbeatCheck" }).state.phase).toBe("live");
      machine.advance(10 * SECOND);
    }
    expect(machine.on({ type: "timer", name: "heartbeatCheck" }).state.phase).toBe("connecting");
  });

  test("is checked often, so that a machine that slept notices soon", () => {
    const machine = new MachineDriver().live();
    const looks = machine.effects.flatMap((effect) =>
      effect.type === "setTimer" && effect.name === "heartbeatCheck" ? effect.afterMs : [],
    );

    expect(looks).toEqual([10 * SECOND]);
    expect(machine.advance(3600 * SECOND).on({ type: "timer", name: "heartbeatCheck" }).state.step).toBe("waiting");
  });

  test.each([0, -1, Number.NaN, undefined])(
    "is given up after 50 s if the server announces a heartbeat of %s s",
    (heartbeat) => {
      const greeting = { type: "hello", data: { seq: 1, epoch: "e", resumed: true, heartbeat_seconds: heartbeat } };
      const machine = new MachineDriver().opening();

      expect(machine.frame(greeting).effects).toContainEqual({
        type: "setTimer",
        name: "heartbeatCheck",
        afterMs: 10 * SECOND,
      });
    },
  );

  test("is pinged when the page is shown again", () => {
    const machine = new MachineDriver()
      .live()
      .advance(30 * SECOND)
      .on({ type: "visible" });

    expect(machine.requested("sendPing")).toBe(true);
    machine.advance(5 * SECOND).on({ type: "timer", name: "pingTimeout" });
    expect(machine.state.step).toBe("waiting");
  });

  test("is kept if it replies", () => {
    const machine = new MachineDriver()
      .live()
      .advance(30 * SECOND)
      .on({ type: "visible" });

    machine
      .advance(SECOND)
      .frame({ type: "pong" })
      .advance(4 * SECOND)
      .on({ type: "timer", name: "pingTimeout" });
    expect(machine.state.phase).toBe("live");
  });

  test("is given up at once after the machine slept", () => {
    expect(
      new MachineDriver()
        .live()
        .advance(3600 * SECOND)
        .on({ type: "visible" }).state.step,
    ).toBe("waiting");
  });

  test("is given up if it does not open in time", () => {
    expect(
      new MachineDriver()
        .opening()
        .advance(15 * SECOND)
        .on({ type: "timer", name: "connectTimeout" }).state.step,
    ).toBe("waiting");
  });
});

describe("the network", () => {
  test("closes the connection when it goes, and connects when it returns", () => {
    const machine = new MachineDriver().live().on({ type: "offline" });

    expect(machine.state.phase).toBe("offline");
    expect(machine.requested("close")).toBe(true);
    expect(machine.on({ type: "visible" }).state.phase).toBe("offline");
    expect(machine.on({ type: "online" }).state.phase).toBe("connecting");
  });

  test("is awaited if there is none at the start", () => {
    const machine = new MachineDriver().on({ type: "start", isOnline: false });

    expect(machine.state.phase).toBe("offline");
    expect(machine.on({ type: "online" }).requested("fetchToken")).toBe(true);
  });

  test("cuts a backoff short when it returns, and so does showing the page", () => {
    expect(new MachineDriver().live().closed(1006).on({ type: "visible" }).requested("fetchToken")).toBe(true);
    expect(new MachineDriver().live().closed(1006).on({ type: "online" }).requested("fetchToken")).toBe(true);
  });
});

describe("a frozen page", () => {
  test("closes its connection, and reconnects at once when it resumes", () => {
    const machine = new MachineDriver().live().on({ type: "frozen" });

    expect(machine.requested("close")).toBe(true);
    expect(machine.state).toMatchObject({ phase: "connecting", step: "waiting", failures: 0 });
    expect(
      machine
        .advance(3600 * SECOND)
        .on({ type: "resumed" })
        .requested("fetchToken"),
    ).toBe(true);
  });

  test("reconnects even without a resumed event", () => {
    const machine = new MachineDriver().live().on({ type: "frozen" });

    expect(machine.retryDelay).toBe(250);
    expect(machine.on({ type: "timer", name: "retry" }).requested("fetchToken")).toBe(true);
  });

  test("does nothing if the client is stopped", () => {
    const machine = new MachineDriver().on({ type: "frozen" });

    expect(machine.effects).toEqual([]);
    expect(machine.on({ type: "resumed" }).state.phase).toBe("stopped");
  });
});

describe("tokens", () => {
  test("are renewed over the connection a minute before they expire", () => {
    const machine = new MachineDriver().on({ type: "start", isOnline: true });
    machine.on({ type: "tokenReceived", attempt: machine.attempt, expiresAt: machine.now + 3600 * SECOND });

    expect(machine.effects).toContainEqual({ type: "setTimer", name: "tokenRenewal", afterMs: 3540 * SECOND });
    machine
      .on({ type: "opened", attempt: machine.attempt })
      .frame(hello(1, true))
      .on({ type: "timer", name: "tokenRenewal" });
    expect(machine.effects).toEqual([{ type: "renewToken", attempt: machine.attempt }]);
    machine.on({ type: "tokenRenewed", attempt: machine.attempt, expiresAt: machine.now + 3600 * SECOND });
    expect(machine.requested("authenticate")).toBe(true);
    expect(machine.state.phase).toBe("live");
  });

  test("that are missing stop the client", () => {
    const machine = new MachineDriver().on({ type: "start", isOnline: true });

    machine.on({ type: "tokenMissing", attempt: machine.attempt });
    expect(machine.state).toMatchObject({ phase: "stopped", reason: "signed_out" });
  });

  test("that fail are requested again", () => {
    const machine = new MachineDriver().on({ type: "start", isOnline: true });

    expect(machine.on({ type: "tokenFailed", attempt: machine.attempt, detail: "unavailable" }).retryDelay).toBe(250);
  });
});

describe("event streams", () => {
  test("replace WebSockets after three without a hello, and stay while they work", () => {
    const machine = new MachineDriver();

    for (const transport of ["websocket", "websocket", "websocket", "sse"]) {
      expect(machine.opening().effects).toContainEqual({ type: "open", attempt: machine.attempt, transport });
      machine.closed(1006);
    }
    expect(machine.state.transport).toBe("websocket"); // both fail: they alternate
    machine.opening().closed(1006);
    machine
      .live()
      .advance(60 * SECOND)
      .closed(1006);
    expect(machine.state.transport).toBe("sse");
    machine
      .live()
      .advance(300 * SECOND)
      .closed(1006);
    expect(machine.state.transport).toBe("websocket"); // the network may have changed
  });

  test("do not replace WebSockets that the gateway answers, however briefly", () => {
    const machine = new MachineDriver();

    for (let turn = 0; turn < 5; turn += 1) {
      machine.opening().closed(1012, 100);
      machine.opening().closed(4009);
    }
    expect(machine.state.transport).toBe("websocket");
  });

  test("are never used if disabled", () => {
    const machine = new MachineDriver();
    machine.sseAfterFailures = 0;

    for (let turn = 0; turn < 9; turn += 1) {
      machine.opening().closed(1006);
    }
    expect(machine.state.transport).toBe("websocket");
  });
});

test("events of an earlier connection are ignored", () => {
  const machine = new MachineDriver().live();
  const { state } = machine.closed(1006);

  machine
    .on({ type: "frame", attempt: 1, frame: hello(1, true) })
    .on({ type: "closed", attempt: 1, code: 4003, reason: "", retryAfterMs: null });
  expect(machine.state).toBe(state);
});

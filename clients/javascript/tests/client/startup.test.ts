import { beforeEach, describe, expect, test } from "vitest";
import { conversationsOf } from "../../src/state/selectors.js";
import { conversation, EPOCH, hello, newMessage, refusal, tokenUntil } from "../support/fake-browser.js";
import { ClientWorld } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
});

describe("beginning", () => {
  test("loads, and follows the log from there", async () => {
    const made = world.client({ device: "laptop" });
    made.start();
    expect(made.getStatus().phase).toBe("connecting");
    await world.settles();

    expect(conversationsOf(made.getState())).toHaveLength(1);
    expect(world.socket.url).toBe(`ws://inbox.test/ws/42?after=1&epoch=${EPOCH}&client=laptop`);
    expect(world.socket.protocols).toEqual(["bearer", tokenUntil(world.time + 3_600_000)]);
    expect(world.requests.every(({ headers }) => headers.get("Authorization")?.startsWith("Bearer h."))).toBe(true);
    world.socket.open();
    world.socket.says(hello(1, true));
    expect(made.getStatus().phase).toBe("live");
  });

  test("loads after hello where REST was away", async () => {
    world.isDown = true;
    const made = world.client();
    made.start();
    await world.settles();
    expect(world.socket.url).toBe("ws://inbox.test/ws/42");
    world.socket.open();
    world.socket.says(hello(1, false), newMessage(2));
    await world.settles();
    expect(conversationsOf(made.getState())).toHaveLength(0);

    world.isDown = false;
    await world.passes(1_000);

    expect(conversationsOf(made.getState())[0]?.last_seq).toBe(2);
    expect(made.getState()).toMatchObject({ needsReload: false, position: 2 });
  });

  test("stops where there is no token", async () => {
    const made = world.client({ getToken: () => null });
    made.start();
    await world.settles();

    expect(made.getStatus()).toMatchObject({ phase: "stopped", reason: "signed_out" });
    expect(world.sockets).toHaveLength(0);
    expect(world.timers).toBe(1); // of the last notification
  });

  test("asks for another token when REST refuses the first, once", async () => {
    const asked: string[] = [];
    world.answer = (request) => (request.headers.get("Authorization") === "Bearer bad" ? refusal(401) : undefined);
    const made = world.client({
      getToken: (reason) => {
        asked.push(reason);
        return reason === "refused" ? "good" : "bad";
      },
    });
    made.start();
    await world.settles();

    expect(asked).toEqual(["start", "refused"]);
    expect(world.socket.protocols).toEqual(["bearer", "good"]);
  });

  test("does without accounts where only administrators may see them", async () => {
    world.answer = ({ url }) => (url.includes("/api/accounts") ? refusal(401) : undefined);
    const made = await world.live();

    expect(made.getStatus().phase).toBe("live");
    expect(made.getState().needsReload).toBe(false);
  });
});

test("after stop nothing is left behind, and start goes on", async () => {
  const made = await world.live();
  const { socket } = world;
  made.stop();
  await world.passes(100);

  expect(socket.isClosed).toBe(true);
  expect(world.timers).toBe(0);
  expect(made.getStatus()).toMatchObject({ phase: "stopped", reason: "stopped" });
  socket.says(newMessage(2));
  expect(made.getState().position).toBe(1);
  made.start();
  await world.settles();
  expect(world.socket).not.toBe(socket);
  expect(world.socket.url).toContain("after=1");
});

test("start, stop and start again at once load once, whichever answer comes last", async () => {
  const answers: ((response: Response) => void)[] = [];
  world.answer = ({ url }) =>
    url.includes("/api/conversations?")
      ? new Promise((resolve) => {
          answers.push(resolve);
        })
      : undefined;
  const made = world.client();
  made.start();
  await world.settles();
  made.stop();
  made.start();
  await world.settles();
  const older = world.list([conversation("c1")]);
  world.rows.seq = 5;
  answers[1]?.(world.list([conversation("c1", { last_seq: 5, participant_name: "Grace" })]));
  await world.settles();
  answers[0]?.(older);
  await world.settles();

  expect(made.getState()).toMatchObject({ position: 5, generation: 1 });
  expect(made.getState().conversations.get("c1")?.participant_name).toBe("Grace");
  expect(world.requests[0]?.signal.aborted).toBe(true);
  expect(world.sockets).toHaveLength(1);
});

test("a second token that is refused signs out, and says so", async () => {
  const asked: string[] = [];
  const made = await world.live({ getToken: (reason) => `t${String(asked.push(reason))}` });
  await world.passes(10_000);
  world.socket.ends(4001, "the token has expired");
  await world.settles();
  expect(world.socket.protocols).toEqual(["bearer", "t2"]);
  world.socket.ends(4001, "the token is forged");
  await world.passes(120_000);

  expect(asked).toEqual(["start", "refused"]);
  expect(made.getStatus()).toMatchObject({
    phase: "stopped",
    reason: "signed_out",
    detail: "4001 the token is forged",
  });
  expect(world.sockets).toHaveLength(2);
  expect(world.timers).toBe(0);
});

test("a token that is taken and refused again and again is tried less and less often", async () => {
  const made = await world.live({ getToken: () => "the same" });
  const begun = world.time;
  for (let refusals = 0; refusals < 10; refusals += 1) {
    world.socket.ends(4001, "the token has expired");
    await world.passes((made.getStatus().retryAt ?? world.time) - world.time);
    world.greets();
    await world.settles();
  }

  expect(world.sockets).toHaveLength(11);
  expect(world.time - begun).toBeGreaterThan(60_000);
});

test("a page that is frozen lets go of its socket, and goes on from where it was when it runs again", async () => {
  const made = await world.live();
  world.socket.says(newMessage(2));
  world.happens("frozen");
  expect(world.socket.isClosed).toBe(true);

  world.time += 3_600_000; // no timer runs meanwhile
  world.happens("resumed");
  await world.settles();

  expect(world.sockets).toHaveLength(2);
  expect(world.socket.url).toContain("after=2&");
  world.greets();
  expect(made.getStatus().phase).toBe("live");
});

test("no token is told of in a status or an error, also where the browser quotes it", async () => {
  const told: string[] = [];
  const quoting = (token: string | null): never => {
    throw new TypeError(`"${String(token)}" is no value that can be sent`);
  };
  const made = world.client({
    getToken: () => "se cret",
    environment: {
      ...world.environment,
      fetch: (_, init) => quoting(new Headers(init?.headers).get("Authorization")),
      openWebSocket: (_, protocols) => quoting(protocols.join()),
    },
  });
  made.on("error", (error) => told.push(error.message, String(error.cause)));
  made.on("status", (status) => told.push(JSON.stringify(status)));
  made.start();
  await world.passes(60_000);

  expect(told.join()).toContain("is no value that can be sent");
  expect(told.join()).not.toContain("se cret");
});

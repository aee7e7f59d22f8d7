import { beforeEach, describe, expect, test } from "vitest";
import { conversationsOf } from "../../src/state/selectors.js";
import { problemResponse } from "../support/fake-browser.js";
import { conversation, EPOCH, hello, newMessage, tokenUntil } from "../support/objects.js";
import { ClientHarness } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

describe("startup", () => {
  test("loads the inbox and follows the log from there", async () => {
    const client = harness.createClient({ device: "laptop" });
    client.start();
    expect(client.getStatus().phase).toBe("connecting");
    await harness.settle();

    expect(conversationsOf(client.getState())).toHaveLength(1);
    expect(harness.socket.url).toBe(`ws://inbox.test/ws/42?after=1&epoch=${EPOCH}&client=laptop`);
    expect(harness.socket.protocols).toEqual(["bearer", tokenUntil(harness.time + 3_600_000)]);
    expect(harness.requests.every(({ headers }) => headers.get("Authorization")?.startsWith("Bearer h."))).toBe(true);
    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(1, true));
    expect(client.getStatus().phase).toBe("live");
  });

  test("loads after hello if REST was unavailable", async () => {
    harness.isDown = true;
    const client = harness.createClient();
    client.start();
    await harness.settle();
    expect(harness.socket.url).toBe("ws://inbox.test/ws/42");
    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(1, false), newMessage(2));
    await harness.settle();
    expect(conversationsOf(client.getState())).toHaveLength(0);

    harness.isDown = false;
    await harness.advance(1_000);

    expect(conversationsOf(client.getState())[0]?.last_seq).toBe(2);
    expect(client.getState()).toMatchObject({ needsReload: false, position: 2 });
  });

  test("stops if there is no token", async () => {
    const client = harness.createClient({ getToken: () => null });
    client.start();
    await harness.settle();

    expect(client.getStatus()).toMatchObject({ phase: "stopped", reason: "signed_out" });
    expect(harness.sockets).toHaveLength(0);
    expect(harness.timers).toBe(1); // of the last notification
  });

  test("requests one other token when REST refuses the first", async () => {
    const reasons: string[] = [];
    harness.respond = (request) =>
      request.headers.get("Authorization") === "Bearer bad" ? problemResponse(401) : undefined;
    const client = harness.createClient({
      getToken: (reason) => {
        reasons.push(reason);
        return reason === "refused" ? "good" : "bad";
      },
    });
    client.start();
    await harness.settle();

    expect(reasons).toEqual(["start", "refused"]);
    expect(harness.socket.protocols).toEqual(["bearer", "good"]);
  });

  test("works without accounts if only administrators may list them", async () => {
    harness.respond = ({ url }) => (url.includes("/api/accounts") ? problemResponse(401) : undefined);
    const client = await harness.liveClient();

    expect(client.getStatus().phase).toBe("live");
    expect(client.getState().needsReload).toBe(false);
  });
});

test("stop leaves nothing behind, and start continues", async () => {
  const client = await harness.liveClient();
  const { socket } = harness;
  client.stop();
  await harness.advance(100);

  expect(socket.isClosed).toBe(true);
  expect(harness.timers).toBe(0);
  expect(client.getStatus()).toMatchObject({ phase: "stopped", reason: "stopped" });
  socket.serverSends(newMessage(2));
  expect(client.getState().position).toBe(1);
  client.start();
  await harness.settle();
  expect(harness.socket).not.toBe(socket);
  expect(harness.socket.url).toContain("after=1");
});

test("start, stop and start load once, whichever response comes last", async () => {
  const resolves: ((response: Response) => void)[] = [];
  harness.respond = ({ url }) =>
    url.includes("/api/conversations?")
      ? new Promise((resolve) => {
          resolves.push(resolve);
        })
      : undefined;
  const client = harness.createClient();
  client.start();
  await harness.settle();
  client.stop();
  client.start();
  await harness.settle();
  const older = harness.listResponse([conversation("c1")]);
  harness.data.seq = 5;
  resolves[1]?.(harness.listResponse([conversation("c1", { last_seq: 5, participant_name: "Grace" })]));
  await harness.settle();
  resolves[0]?.(older);
  await harness.settle();

  expect(client.getState()).toMatchObject({ position: 5, generation: 1 });
  expect(client.getState().conversations.get("c1")?.participant_name).toBe("Grace");
  expect(harness.requests[0]?.signal.aborted).toBe(true);
  expect(harness.sockets).toHaveLength(1);
});

test("a second refused token signs out", async () => {
  const reasons: string[] = [];
  const client = await harness.liveClient({ getToken: (reason) => `t${String(reasons.push(reason))}` });
  await harness.advance(10_000);
  harness.socket.serverCloses(4001, "the token has expired");
  await harness.settle();
  expect(harness.socket.protocols).toEqual(["bearer", "t2"]);
  harness.socket.serverCloses(4001, "the token is forged");
  await harness.advance(120_000);

  expect(reasons).toEqual(["start", "refused"]);
  expect(client.getStatus()).toMatchObject({
    phase: "stopped",
    reason: "signed_out",
    detail: "4001 the token is forged",
  });
  expect(harness.sockets).toHaveLength(2);
  expect(harness.timers).toBe(0);
});

test("a token that is accepted and then refused again and again is retried with backoff", async () => {
  const client = await harness.liveClient({ getToken: () => "the same" });
  const startedAt = harness.time;
  for (let refusals = 0; refusals < 10; refusals += 1) {
    harness.socket.serverCloses(4001, "the token has expired");
    await harness.advance((client.getStatus().retryAt ?? harness.time) - harness.time);
    harness.acceptConnection();
    await harness.settle();
  }

  expect(harness.sockets).toHaveLength(11);
  expect(harness.time - startedAt).toBeGreaterThan(60_000);
});

test("a frozen page closes its connection, and resumes from its position", async () => {
  const client = await harness.liveClient();
  harness.socket.serverSends(newMessage(2));
  harness.emit("frozen");
  expect(harness.socket.isClosed).toBe(true);

  harness.time += 3_600_000; // no timer runs meanwhile
  harness.emit("resumed");
  await harness.settle();

  expect(harness.sockets).toHaveLength(2);
  expect(harness.socket.url).toContain("after=2&");
  harness.acceptConnection();
  expect(client.getStatus().phase).toBe("live");
});

test("no status and no error contains the token, even if the browser quotes it", async () => {
  const output: string[] = [];
  const quoting = (token: string | null): never => {
    throw new TypeError(`"${String(token)}" is no value that can be sent`);
  };
  const client = harness.createClient({
    getToken: () => "se cret",
    environment: {
      ...harness.environment,
      fetch: (_, init) => quoting(new Headers(init?.headers).get("Authorization")),
      openWebSocket: (_, protocols) => quoting(protocols.join()),
    },
  });
  client.on("error", (error) => output.push(error.message, String(error.cause)));
  client.on("status", (status) => output.push(JSON.stringify(status)));
  client.start();
  await harness.advance(60_000);

  expect(output.join()).toContain("is no value that can be sent");
  expect(output.join()).not.toContain("se cret");
});

import { beforeEach, describe, expect, test } from "vitest";
import { EPOCH, hello, message, newMessage } from "../support/objects.js";
import { ClientHarness, messageTexts } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

describe("frames", () => {
  test("are emitted as typed events, each once", async () => {
    const client = await harness.liveClient();
    const ids: number[] = [];
    client.on("message", ({ message: { id } }) => ids.push(id));

    harness.socket.serverSends(newMessage(2), newMessage(2), newMessage(3));

    expect(ids).toEqual([2, 3]);
    expect(client.getState().position).toBe(3);
  });

  test("of a burst notify subscribers twice: at once for the first, later for the rest", async () => {
    const client = await harness.liveClient();
    await harness.advance(100);
    let calls = 0;
    client.subscribe(() => {
      calls += 1;
    });

    harness.socket.serverSends(...[2, 3, 4, 5, 6].map((id) => newMessage(id)));
    expect(calls).toBe(1);
    await harness.advance(100);
    expect(calls).toBe(2);
  });

  test("after a gap lead to a new connection that resumes before the gap", async () => {
    const client = await harness.liveClient();
    harness.socket.serverSends(newMessage(2), newMessage(4));

    expect(client.getStatus().phase).toBe("connecting");
    await harness.advance(500);
    expect(harness.sockets).toHaveLength(2);
    expect(harness.socket.url).toContain("after=2&");
  });

  test("after a lost connection continue where it ended", async () => {
    const client = await harness.liveClient();
    const release = client.watchConversation("c1");
    await harness.settle();
    harness.socket.serverSends(newMessage(2));
    harness.socket.serverCloses(1006);
    expect(client.getStatus().phase).toBe("connecting");
    await harness.advance(500);
    expect(harness.socket.url).toBe(`ws://inbox.test/ws/42?after=2&epoch=${EPOCH}`);

    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(4, true), newMessage(3), newMessage(4));

    expect(client.getStatus().phase).toBe("live");
    expect(messageTexts(client)).toEqual(["text 1", "text 2", "text 3", "text 4"]);
    release();
  });

  test("that cannot be parsed are ignored", async () => {
    const client = await harness.liveClient();
    harness.socket.serverSends(
      "nonsense" as never,
      null as never,
      { type: "of_next_year", seq: 2, data: {} },
      newMessage(3),
    );

    expect(client.getState().position).toBe(3);
    expect(client.getStatus().phase).toBe("live");
  });
});

describe("a reset", () => {
  test("reloads everything that is shown, and keeps frames that arrive meanwhile", async () => {
    const client = await harness.liveClient();
    client.watchConversation("c1");
    await harness.settle();
    expect(messageTexts(client)).toEqual(["text 1"]);
    harness.data.epoch = "91ab03cc";
    harness.data.seq = 11;
    harness.data.messages = { c1: [message(11), message(10)] };
    const reasons: string[] = [];
    client.on("reset", ({ reason }) => reasons.push(reason));

    harness.socket.serverSends({ type: "reset", data: { seq: 10, epoch: "91ab03cc", reason: "epoch_changed" } });
    harness.socket.serverSends(newMessage(11), newMessage(12));
    expect(messageTexts(client)).toEqual(["text 1"]);
    await harness.settle();

    expect(messageTexts(client)).toEqual(["text 10", "text 11", "text 12"]);
    expect(client.getState()).toMatchObject({ position: 12, epoch: "91ab03cc", needsReload: false });
    expect(reasons).toEqual(["epoch_changed"]);
    expect(client.getStatus().phase).toBe("live");
  });

  test("reloads until the responses are as recent as the reset", async () => {
    const client = await harness.liveClient();
    harness.socket.serverSends({ type: "reset", data: { seq: 10, epoch: EPOCH, reason: "log_pruned" } });
    await harness.settle();
    expect(client.getState().needsReload).toBe(true);

    harness.data.seq = 10;
    await harness.advance(1_000);

    expect(client.getState().needsReload).toBe(false);
  });

  test("discards pages that were requested before it", async () => {
    harness.respond = ({ url }) =>
      url.includes("/messages") && !url.includes("cursor")
        ? harness.listResponse([message(5), message(4)], { Link: '</api/x?limit=50&cursor=older>; rel="next"' })
        : undefined;
    const client = await harness.liveClient();
    client.watchConversation("c1");
    await harness.settle();
    let sendResponse: (response: Response) => void = () => undefined;
    harness.respond = ({ url }) =>
      url.includes("cursor=older")
        ? new Promise((resolve) => {
            sendResponse = resolve;
          })
        : undefined;
    const older = client.loadOlderMessages("c1");
    await harness.settle();

    harness.socket.serverSends({ type: "reset", data: { seq: 1, epoch: EPOCH, reason: "log_pruned" } });
    await harness.settle();
    sendResponse(harness.listResponse([message(3)]));
    await older;

    expect(messageTexts(client)).toEqual(["text 1"]);
  });
});

test("typing expires, even if the clocks differ", async () => {
  const client = await harness.liveClient();
  const typing = (until: number) => ({
    type: "typing",
    data: { conversation_id: "c1", who: { id: "d", name: null }, until: new Date(until).toISOString() },
  });

  harness.socket.serverSends(typing(harness.time - 60_000 + 6_000));
  expect(client.getState().typing).toHaveLength(1);
  await harness.advance(5_000);
  expect(client.getState().typing).toHaveLength(1);
  await harness.advance(2_000);
  expect(client.getState().typing).toHaveLength(0);
});

test("a malformed frame ends the connection and emits an error", async () => {
  const client = await harness.liveClient();
  const errors: Error[] = [];
  client.on("error", (error) => errors.push(error));
  harness.socket.serverSends({ type: "new_message", seq: 2, data: null });

  expect(errors).toHaveLength(1);
  expect(client.getStatus().phase).toBe("connecting");
  await harness.advance(500);
  expect(harness.socket.url).toContain("after=1&");
  harness.acceptConnection();
  harness.socket.serverSends(newMessage(2));
  expect(client.getState().position).toBe(2);
});

test("frames above the limit are discarded, and the next load has to include them", async () => {
  harness.isDown = true;
  const client = harness.createClient();
  client.start();
  await harness.settle();
  harness.socket.serverAccepts();
  harness.socket.serverSends(hello(0, false));
  for (let id = 1; id <= 6_000; id += 1) {
    harness.socket.serverSends(newMessage(id));
  }
  expect(client.getState().pendingFrames).toHaveLength(999);

  harness.isDown = false;
  harness.data.seq = 5_000; // the response does not include the discarded frames
  await harness.advance(60_000);
  expect(client.getState().needsReload).toBe(true);
  harness.data.seq = 5_500;
  harness.socket.serverSends({ type: "heartbeat", data: { seq: 6_000 } });
  await harness.advance(30_000);

  expect(client.getState()).toMatchObject({ needsReload: false, position: 6_000, pendingFrames: [] });
});

test("messages are kept only for watched conversations", async () => {
  const client = await harness.liveClient();
  client.watchConversation("c1");
  await harness.settle();
  harness.socket.serverSends(
    newMessage(2),
    newMessage(3, { conversation_id: "c2" }),
    newMessage(4, { conversation_id: "c3" }),
  );

  expect([...client.getState().threads.values()].map((thread) => thread.conversation_id)).toEqual(["c1"]);
  expect(client.getState().conversations.size).toBe(3);
  expect(messageTexts(client)).toEqual(["text 1", "text 2"]);
});

test("a message that arrives while its conversation is being loaded is kept", async () => {
  const client = await harness.liveClient();
  let sendResponse: (response: Response) => void = () => undefined;
  harness.respond = ({ url }) =>
    url.includes("/c1/messages")
      ? new Promise((resolve) => {
          sendResponse = resolve;
        })
      : undefined;
  client.watchConversation("c1");
  await harness.settle();
  const early = harness.listResponse([message(1)]);
  harness.socket.serverSends(newMessage(2));
  sendResponse(early);
  await harness.settle();

  expect(messageTexts(client)).toEqual(["text 1", "text 2"]);
});

test("stop clears typing", async () => {
  const client = await harness.liveClient();
  const until = new Date(harness.time + 6_000).toISOString();
  const typing = { type: "typing", data: { conversation_id: "c1", who: { id: "d", name: null }, until } };
  harness.socket.serverSends(typing);
  client.stop();
  expect(client.getState().typing).toEqual([]);

  client.start();
  await harness.settle();
  harness.acceptConnection();
  harness.socket.serverSends(typing);
  expect(client.getState().typing).toHaveLength(1);
});

import { beforeEach, describe, expect, test } from "vitest";
import type { AnyFrame, ClientFrame } from "../../src/protocol/types.js";
import { conversation, hello, newMessage, tokenUntil } from "../support/objects.js";
import { ClientHarness } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

describe("the outbox", () => {
  test("is sent over the WebSocket: read, typing and viewing", async () => {
    const client = await harness.liveClient();
    client.watchConversation("c1");
    await harness.settle();
    client.markRead("c1");
    client.markRead("c1");
    client.typing("c1");
    client.typing("c1");
    client.viewing("c1");

    expect(harness.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: "read", conversation_id: "c1", up_to_seq: 1 },
      { type: "typing", conversation_id: "c1" },
      { type: "viewing", conversation_id: "c1" },
    ]);
    await harness.advance(3_000);
    client.typing("c1");
    expect(harness.socket.sent).toHaveLength(4);
  });

  test("waits while there is no network, and is sent after hello", async () => {
    const client = await harness.liveClient();
    client.viewing("c1");
    harness.emit("offline");
    expect(client.getStatus().phase).toBe("offline");
    client.markRead("c1", 1);
    expect(harness.requests.some(({ method }) => method === "POST")).toBe(false);

    harness.emit("online");
    await harness.settle();
    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(1, true));

    expect(harness.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: "viewing", conversation_id: "c1" },
      { type: "read", conversation_id: "c1", up_to_seq: 1 },
    ]);
  });

  test("is sent over REST if the transport can only receive", async () => {
    const client = harness.createClient({ sseAfterFailures: 1 });
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    const read = conversation("c1", { unread_count: 0, last_seq: 2 });
    harness.respond = ({ url, method }) =>
      url.includes("/sse/42")
        ? new Response(
            new ReadableStream<Uint8Array>({
              start: (controller) => {
                stream = controller;
              },
            }),
          )
        : method === "POST"
          ? harness.listResponse(read)
          : undefined;
    client.start();
    await harness.settle();
    harness.socket.serverCloses(1006);
    await harness.advance(500);
    const frame = JSON.stringify(hello(1, true));
    stream.enqueue(new TextEncoder().encode(`event: hello\nid: e-1\ndata: ${frame}\n\n`));
    await harness.settle();
    expect(client.getStatus()).toMatchObject({ phase: "live", transport: "sse" });

    client.markRead("c1", 1);
    await harness.settle();

    const [request] = harness.requests.filter(({ method }) => method === "POST");
    expect(await request?.json()).toEqual({ up_to_seq: 1 });
    expect(client.getState().conversations.get("c1")?.unread_count).toBe(0);
    stream.enqueue(
      new TextEncoder().encode('retry: 900\nevent: close\ndata: {"code":1012,"reason":"","retry_after_ms":900}\n\n'),
    );
    await harness.settle();
    expect(client.getStatus().retryAt).toBe(harness.time + 900);
  });
});

test("a token is renewed over the connection a minute before it expires", async () => {
  let count = 0;
  await harness.liveClient({ getToken: () => tokenUntil(harness.time + 600_000, `t${String((count += 1))}`) });

  for (let beat = 0; beat < 28; beat += 1) {
    await harness.advance(20_000);
    harness.socket.serverSends({ type: "heartbeat", data: { seq: 1 } });
  }

  const sent = harness.socket.sent.map((text) => JSON.parse(text) as { type: string; token: string });
  expect(sent.map(({ type }) => type)).toEqual(["auth"]);
  expect(JSON.parse(atob(sent[0]?.token.split(".")[1] ?? ""))).toMatchObject({ name: "t2" });
});

test("a conversation that was never opened is marked as read up to its last message", async () => {
  const client = await harness.liveClient();
  harness.socket.serverSends(newMessage(2, { conversation_id: "c2" }));
  client.markRead("c2");

  expect(harness.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
    { type: "read", conversation_id: "c2", up_to_seq: 2 },
  ]);
});

test("a mark that is being sent over REST is not sent twice", async () => {
  const client = harness.createClient();
  const resolves: ((response: Response) => void)[] = [];
  harness.respond = ({ method }) =>
    method === "POST"
      ? new Promise((resolve) => {
          resolves.push(resolve);
        })
      : undefined;
  client.start();
  await harness.settle();
  client.markRead("c1", 1);
  client.markRead("c2", 1);
  await harness.settle();

  expect(harness.requests.filter(({ method }) => method === "POST").map(({ url }) => new URL(url).pathname)).toEqual([
    "/api/conversations/c1/read",
    "/api/conversations/c2/read",
  ]);
});

describe("a read mark", () => {
  function marks(): [string, number][] {
    return harness.socket.sent
      .map((text) => JSON.parse(text) as ClientFrame)
      .flatMap((frame) => (frame.type === "read" ? [[frame.conversation_id, frame.up_to_seq]] : []));
  }

  /** Lose the connection and reconnect; no REST request was sent meanwhile. */
  async function reconnect(epoch?: string): Promise<void> {
    harness.socket.serverCloses(1006);
    await harness.advance(5_000);
    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(harness.data.seq, true, epoch));
    await harness.settle();
    expect(harness.requests.filter(({ method }) => method === "POST")).toHaveLength(0);
  }

  function conversationUpdated(seq: number, unread_count: number): AnyFrame {
    harness.data.seq = seq;
    return {
      type: "conversation_updated",
      seq,
      data: { conversation: conversation("c1", { unread_count, last_seq: seq }) },
    };
  }

  test("is sent again on every new connection until it is confirmed", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    await reconnect();
    expect(marks()).toEqual([["c1", 1]]);
    await reconnect();
    expect(marks()).toEqual([["c1", 1]]);

    harness.socket.serverSends(conversationUpdated(2, 0));
    await reconnect();
    expect(marks()).toEqual([]);
  });

  test("is not confirmed by an older state of the conversation", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 5);
    harness.socket.serverSends(conversationUpdated(2, 0));
    await reconnect();

    expect(marks()).toEqual([["c1", 5]]);
  });

  test("that was confirmed is not sent again after a new message", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    harness.socket.serverSends(conversationUpdated(2, 0));
    harness.socket.serverSends(newMessage(3));
    harness.data.seq = 3;
    await reconnect();

    expect(marks()).toEqual([]);
  });

  test("can be confirmed by a REST response", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    const hit = {
      type: "person",
      conversation: conversation("c1", { unread_count: 0, last_seq: 2 }),
      message: null,
      snippet: [],
    };
    harness.respond = ({ url }) => (url.includes("/api/search") ? harness.listResponse([hit]) : undefined);
    await client.search("Ada");
    await reconnect();

    expect(marks()).toEqual([]);
  });

  test("is repeated on request, but not within five seconds", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    await harness.advance(4_900);
    client.markRead("c1", 1);
    expect(marks()).toHaveLength(1);
    await harness.advance(200);
    client.markRead("c1", 1);
    expect(marks()).toHaveLength(2);
  });

  test("is dropped when the epoch changes", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    harness.data.epoch = "91ab03cc";
    await reconnect("91ab03cc");

    expect(marks()).toEqual([]);
  });

  test("is kept for the last thousand conversations", async () => {
    const client = await harness.liveClient();
    harness.emit("offline");
    for (let index = 0; index < 1_001; index += 1) {
      client.markRead(`d${String(index)}`, 1);
    }
    harness.emit("online");
    await harness.settle();
    harness.acceptConnection();
    for (let beat = 0; beat < 7; beat += 1) {
      await harness.advance(20_000);
      harness.socket.serverSends({ type: "heartbeat", data: { seq: 1 } });
    }

    expect(new Set(marks().map(([id]) => id))).toEqual(
      new Set(Array.from({ length: 1_000 }, (_, index) => `d${String(index + 1)}`)),
    );
  });
});

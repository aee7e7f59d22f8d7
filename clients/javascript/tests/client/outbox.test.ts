import { beforeEach, describe, expect, test } from "vitest";
import type { AnyFrame, ClientFrame } from "../../src/protocol/types.js";
import { conversation, hello, newMessage, tokenUntil } from "../support/fake-browser.js";
import { ClientWorld } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
});

describe("what is said", () => {
  test("goes over the socket: read, typing and viewing", async () => {
    const made = await world.live();
    made.watchConversation("c1");
    await world.settles();
    made.markRead("c1");
    made.markRead("c1");
    made.typing("c1");
    made.typing("c1");
    made.viewing("c1");

    expect(world.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: "read", conversation_id: "c1", up_to_seq: 1 },
      { type: "typing", conversation_id: "c1" },
      { type: "viewing", conversation_id: "c1" },
    ]);
    await world.passes(3_000);
    made.typing("c1");
    expect(world.socket.sent).toHaveLength(4);
  });

  test("is kept while there is no network, and said again after hello", async () => {
    const made = await world.live();
    made.viewing("c1");
    world.happens("offline");
    expect(made.getStatus().phase).toBe("offline");
    made.markRead("c1", 1);
    expect(world.requests.some(({ method }) => method === "POST")).toBe(false);

    world.happens("online");
    await world.settles();
    world.socket.open();
    world.socket.says(hello(1, true));

    expect(world.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: "viewing", conversation_id: "c1" },
      { type: "read", conversation_id: "c1", up_to_seq: 1 },
    ]);
  });

  test("goes over REST where one can only listen", async () => {
    const made = world.client({ sseAfterFailures: 1 });
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    const read = conversation("c1", { unread_count: 0, last_seq: 2 });
    world.answer = ({ url, method }) =>
      url.includes("/sse/42")
        ? new Response(
            new ReadableStream<Uint8Array>({
              start: (controller) => {
                stream = controller;
              },
            }),
          )
        : method === "POST"
          ? world.list(read)
          : undefined;
    made.start();
    await world.settles();
    world.socket.ends(1006);
    await world.passes(500);
    const frame = JSON.stringify(hello(1, true));
    stream.enqueue(new TextEncoder().encode(`event: hello\nid: e-1\ndata: ${frame}\n\n`));
    await world.settles();
    expect(made.getStatus()).toMatchObject({ phase: "live", transport: "sse" });

    made.markRead("c1", 1);
    await world.settles();

    const [request] = world.requests.filter(({ method }) => method === "POST");
    expect(await request?.json()).toEqual({ up_to_seq: 1 });
    expect(made.getState().conversations.get("c1")?.unread_count).toBe(0);
    stream.enqueue(
      new TextEncoder().encode('retry: 900\nevent: close\ndata: {"code":1012,"reason":"","retry_after_ms":900}\n\n'),
    );
    await world.settles();
    expect(made.getStatus().retryAt).toBe(world.time + 900);
  });
});

test("a token is renewed in band a minute before it ends", async () => {
  let count = 0;
  await world.live({ getToken: () => tokenUntil(world.time + 600_000, `t${String((count += 1))}`) });

  for (let beat = 0; beat < 28; beat += 1) {
    await world.passes(20_000);
    world.socket.says({ type: "heartbeat", data: { seq: 1 } });
  }

  const said = world.socket.sent.map((text) => JSON.parse(text) as { type: string; token: string });
  expect(said.map(({ type }) => type)).toEqual(["auth"]);
  expect(JSON.parse(atob(said[0]?.token.split(".")[1] ?? ""))).toMatchObject({ name: "t2" });
});

test("a conversation that was never opened is marked up to its last message", async () => {
  const made = await world.live();
  world.socket.says(newMessage(2, { conversation_id: "c2" }));
  made.markRead("c2");

  expect(world.socket.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
    { type: "read", conversation_id: "c2", up_to_seq: 2 },
  ]);
});

test("a mark that is under way over REST is not sent a second time beside it", async () => {
  const made = world.client();
  const gives: ((response: Response) => void)[] = [];
  world.answer = ({ method }) =>
    method === "POST"
      ? new Promise((resolve) => {
          gives.push(resolve);
        })
      : undefined;
  made.start();
  await world.settles();
  made.markRead("c1", 1);
  made.markRead("c2", 1);
  await world.settles();

  expect(world.requests.filter(({ method }) => method === "POST").map(({ url }) => new URL(url).pathname)).toEqual([
    "/api/conversations/c1/read",
    "/api/conversations/c2/read",
  ]);
});

describe("a mark that was said", () => {
  function marks(): [string, number][] {
    return world.socket.sent
      .map((text) => JSON.parse(text) as ClientFrame)
      .flatMap((frame) => (frame.type === "read" ? [[frame.conversation_id, frame.up_to_seq]] : []));
  }

  /** The connection is lost and comes back; REST was not asked meanwhile. */
  async function comesBack(epoch?: string): Promise<void> {
    world.socket.ends(1006);
    await world.passes(5_000);
    world.socket.open();
    world.socket.says(hello(world.rows.seq, true, epoch));
    await world.settles();
    expect(world.requests.filter(({ method }) => method === "POST")).toHaveLength(0);
  }

  function told(seq: number, unread_count: number): AnyFrame {
    world.rows.seq = seq;
    return {
      type: "conversation_updated",
      seq,
      data: { conversation: conversation("c1", { unread_count, last_seq: seq }) },
    };
  }

  test("on a socket that was dead already is said again on the next one, and again until it was taken", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    await comesBack();
    expect(marks()).toEqual([["c1", 1]]);
    await comesBack();
    expect(marks()).toEqual([["c1", 1]]);

    world.socket.says(told(2, 0));
    await comesBack();
    expect(marks()).toEqual([]);
  });

  test("is not taken for taken by what the server knew before it", async () => {
    const made = await world.live();
    made.markRead("c1", 5);
    world.socket.says(told(2, 0));
    await comesBack();

    expect(marks()).toEqual([["c1", 5]]);
  });

  test("and was taken is not said again when another message has come since", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    world.socket.says(told(2, 0));
    world.socket.says(newMessage(3));
    world.rows.seq = 3;
    await comesBack();

    expect(marks()).toEqual([]);
  });

  test("and was taken as an answer of REST shows is not said again", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    const hit = {
      type: "person",
      conversation: conversation("c1", { unread_count: 0, last_seq: 2 }),
      message: null,
      snippet: [],
    };
    world.answer = ({ url }) => (url.includes("/api/search") ? world.list([hit]) : undefined);
    await made.search("Ada");
    await comesBack();

    expect(marks()).toEqual([]);
  });

  test("is repeated when somebody looks again, but not within five seconds", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    await world.passes(4_900);
    made.markRead("c1", 1);
    expect(marks()).toHaveLength(1);
    await world.passes(200);
    made.markRead("c1", 1);
    expect(marks()).toHaveLength(2);
  });

  test("means nothing in another log, where the same number is another message", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    world.rows.epoch = "91ab03cc";
    await comesBack("91ab03cc");

    expect(marks()).toEqual([]);
  });

  test("is kept of the last thousand conversations", async () => {
    const made = await world.live();
    world.happens("offline");
    for (let index = 0; index < 1_001; index += 1) {
      made.markRead(`d${String(index)}`, 1);
    }
    world.happens("online");
    await world.settles();
    world.greets();
    for (let beat = 0; beat < 7; beat += 1) {
      await world.passes(20_000);
      world.socket.says({ type: "heartbeat", data: { seq: 1 } });
    }

    expect(new Set(marks().map(([id]) => id))).toEqual(
      new Set(Array.from({ length: 1_000 }, (_, index) => `d${String(index + 1)}`)),
    );
  });
});

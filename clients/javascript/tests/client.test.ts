import { beforeEach, describe, expect, test } from "vitest";
import { InboxClient, type InboxClientOptions } from "../src/client.js";
import { conversationsOf, messagesOf } from "../src/selectors.js";
import { conversation, EPOCH, hello, message, newMessage, refusal, tokenUntil, World } from "./world.js";

let world: World;

beforeEach(() => {
  world = new World();
  world.rows.conversations = [conversation("c1")];
  world.rows.messages = { c1: [message(1)] };
  world.rows.seq = 1;
});

function client(options: Partial<InboxClientOptions> = {}): InboxClient {
  return new InboxClient({
    userId: "42",
    getToken: () => tokenUntil(world.time + 3_600_000),
    environment: world.environment,
    ...options,
  });
}

/** A client that has loaded and heard `hello`. */
async function live(options: Partial<InboxClientOptions> = {}): Promise<InboxClient> {
  const made = client(options);
  made.start();
  await world.settles();
  world.socket.open();
  world.socket.says(hello(world.rows.seq, true));
  await world.settles();
  return made;
}

function texts(made: InboxClient): (string | null)[] {
  return messagesOf(made.getState().threads.get("c1")).map(({ content }) => content);
}

describe("beginning", () => {
  test("loads, and follows the log from there", async () => {
    const made = client({ device: "laptop" });
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
    const made = client();
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
    const made = client({ getToken: () => null });
    made.start();
    await world.settles();

    expect(made.getStatus()).toMatchObject({ phase: "stopped", reason: "signed_out" });
    expect(world.sockets).toHaveLength(0);
    expect(world.timers).toBe(1); // of the last notification
  });

  test("asks for another token when REST refuses the first, once", async () => {
    const asked: string[] = [];
    world.answer = (request) =>
      request.headers.get("Authorization") === "Bearer bad" ? refusal(401) : undefined;
    const made = client({
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
    const made = await live();

    expect(made.getStatus().phase).toBe("live");
    expect(made.getState().needsReload).toBe(false);
  });
});

describe("frames", () => {
  test("are told as typed events, each once", async () => {
    const made = await live();
    const told: number[] = [];
    made.on("message", ({ message: { id } }) => told.push(id));

    world.socket.says(newMessage(2), newMessage(2), newMessage(3));

    expect(told).toEqual([2, 3]);
    expect(made.getState().position).toBe(3);
  });

  test("of a burst are told to subscribers together, the first at once", async () => {
    const made = await live();
    await world.passes(100);
    let calls = 0;
    made.subscribe(() => {
      calls += 1;
    });

    world.socket.says(...[2, 3, 4, 5, 6].map((id) => newMessage(id)));
    expect(calls).toBe(1);
    await world.passes(100);
    expect(calls).toBe(2);
  });

  test("with a hole before them lead to a new connection from before the hole", async () => {
    const made = await live();
    world.socket.says(newMessage(2), newMessage(4));

    expect(made.getStatus().phase).toBe("connecting");
    await world.passes(500);
    expect(world.sockets).toHaveLength(2);
    expect(world.socket.url).toContain("after=2&");
  });

  test("that come after a lost connection go on where it was", async () => {
    const made = await live();
    const release = made.watchConversation("c1");
    await world.settles();
    world.socket.says(newMessage(2));
    world.socket.ends(1006);
    expect(made.getStatus().phase).toBe("connecting");
    await world.passes(500);
    expect(world.socket.url).toBe(`ws://inbox.test/ws/42?after=2&epoch=${EPOCH}`);

    world.socket.open();
    world.socket.says(hello(4, true), newMessage(3), newMessage(4));

    expect(made.getStatus().phase).toBe("live");
    expect(texts(made)).toEqual(["text 1", "text 2", "text 3", "text 4"]);
    release();
  });

  test("that cannot be read do no harm", async () => {
    const made = await live();
    world.socket.says("nonsense" as never, null as never, { type: "of_next_year", seq: 2, data: {} }, newMessage(3));

    expect(made.getState().position).toBe(3);
    expect(made.getStatus().phase).toBe("live");
  });
});

describe("a reset", () => {
  test("loads everything that is shown anew, and keeps what comes meanwhile", async () => {
    const made = await live();
    made.watchConversation("c1");
    await world.settles();
    expect(texts(made)).toEqual(["text 1"]);
    world.rows.epoch = "91ab03cc";
    world.rows.seq = 11;
    world.rows.messages = { c1: [message(11), message(10)] };
    const reasons: string[] = [];
    made.on("reset", ({ reason }) => reasons.push(reason));

    world.socket.says({ type: "reset", data: { seq: 10, epoch: "91ab03cc", reason: "epoch_changed" } });
    world.socket.says(newMessage(11), newMessage(12));
    expect(texts(made)).toEqual(["text 1"]);
    await world.settles();

    expect(texts(made)).toEqual(["text 10", "text 11", "text 12"]);
    expect(made.getState()).toMatchObject({ position: 12, epoch: "91ab03cc", needsReload: false });
    expect(reasons).toEqual(["epoch_changed"]);
    expect(made.getStatus().phase).toBe("live");
  });

  test("is loaded again until the answers are as new as it was", async () => {
    const made = await live();
    world.socket.says({ type: "reset", data: { seq: 10, epoch: EPOCH, reason: "log_pruned" } });
    await world.settles();
    expect(made.getState().needsReload).toBe(true);

    world.rows.seq = 10;
    await world.passes(1_000);

    expect(made.getState().needsReload).toBe(false);
  });

  test("throws away the page that was asked for before", async () => {
    world.answer = ({ url }) =>
      url.includes("/messages") && !url.includes("cursor")
        ? world.list([message(5), message(4)], { Link: '</api/x?limit=50&cursor=older>; rel="next"' })
        : undefined;
    const made = await live();
    made.watchConversation("c1");
    await world.settles();
    let give: (response: Response) => void = () => undefined;
    world.answer = ({ url }) =>
      url.includes("cursor=older") ? new Promise((resolve) => { give = resolve; }) : undefined;
    const older = made.loadOlderMessages("c1");
    await world.settles();

    world.socket.says({ type: "reset", data: { seq: 1, epoch: EPOCH, reason: "log_pruned" } });
    await world.settles();
    give(world.list([message(3)]));
    await older;

    expect(texts(made)).toEqual(["text 1"]);
  });
});

describe("pages", () => {
  test("of older messages come without a hole", async () => {
    world.answer = ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      if (!pathname.endsWith("/messages")) return undefined;
      return searchParams.get("cursor") === "older"
        ? world.list([message(2), message(1)])
        : world.list([message(5), message(4)], { Link: `<${pathname}?limit=50&cursor=older>; rel="next"` });
    };
    const made = await live();
    made.watchConversation("c1");
    await world.settles();
    world.socket.says({
      ...newMessage(1, { seq: 2, content: "edited long ago" }), type: "message_updated", seq: 2,
    });
    expect(texts(made)).toEqual(["text 4", "text 5"]);

    expect(await made.loadOlderMessages("c1")).toBe(true);
    expect(texts(made)).toEqual(["edited long ago", "text 2", "text 4", "text 5"]);
    expect(await made.loadOlderMessages("c1")).toBe(false);
  });

  test("of conversations follow their list's cursor, and the filter", async () => {
    const old = conversation("c9", { last_message_at: "2026-11-20T10:00:00Z", unread_count: 0 });
    world.answer = ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      if (pathname !== "/api/conversations") return undefined;
      if (searchParams.get("unread") === "true") return world.list([conversation("c1")]);
      return searchParams.get("cursor") === "two"
        ? world.list([old])
        : world.list([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' });
    };
    const made = await live();

    expect(await made.loadMoreConversations()).toBe(true);
    expect(conversationsOf(made.getState()).map((one) => one.conversation_id)).toEqual(["c1", "c9"]);
    await made.loadConversations({ unread: true });
    expect(conversationsOf(made.getState(), { unread: true }).map((one) => one.conversation_id)).toEqual(["c1"]);
    expect(await made.loadMoreConversations()).toBe(false);
  });

  test("that could not be had say so, and are tried again with the next connection", async () => {
    const made = await live();
    world.isDown = true;
    made.watchConversation("c1");
    await world.settles();
    expect(made.getState().threads.get("c1")?.error).toBe("fetch failed");

    world.isDown = false;
    world.socket.ends(1006);
    await world.passes(500);
    world.socket.open();
    world.socket.says(hello(1, true));
    await world.settles();

    expect(texts(made)).toEqual(["text 1"]);
  });

  test("of a search are the server's, with its cursor", async () => {
    const hit = { type: "message", conversation: conversation("c7"), message: message(1), snippet: [] };
    world.answer = ({ url }) =>
      url.includes("/api/search?q=blue+one&limit=5") ? world.list([hit], { Link: '</api/search?cursor=n>; rel="next"' }) : undefined;
    const made = await live();

    expect(await made.search("blue one", { limit: 5 })).toEqual({ hits: [hit], next: "n" });
    expect(made.getState().conversations.get("c7")).toEqual(conversation("c7"));
  });
});

describe("what is said", () => {
  test("goes over the socket: read, typing and viewing", async () => {
    const made = await live();
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
    const made = await live();
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
    const made = client({ sseAfterFailures: 1 });
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    const read = conversation("c1", { unread_count: 0, last_seq: 2 });
    world.answer = ({ url, method }) =>
      url.includes("/sse/42")
        ? new Response(new ReadableStream<Uint8Array>({ start: (controller) => { stream = controller; } }))
        : method === "POST"
          ? world.list(read as never)
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
    stream.enqueue(new TextEncoder().encode('retry: 900\nevent: close\ndata: {"code":1012,"reason":"","retry_after_ms":900}\n\n'));
    await world.settles();
    expect(made.getStatus().retryAt).toBe(world.time + 900);
  });
});

test("a token is renewed in band a minute before it ends", async () => {
  let count = 0;
  await live({ getToken: () => tokenUntil(world.time + 600_000, `t${String((count += 1))}`) });

  for (let beat = 0; beat < 28; beat += 1) {
    await world.passes(20_000);
    world.socket.says({ type: "heartbeat", data: { seq: 1 } });
  }

  const said = world.socket.sent.map((text) => JSON.parse(text) as { type: string; token: string });
  expect(said.map(({ type }) => type)).toEqual(["auth"]);
  expect(JSON.parse(atob(said[0]?.token.split(".")[1] ?? ""))).toMatchObject({ name: "t2" });
});

test("typing ends by itself, also where the clocks differ", async () => {
  const made = await live();
  const typing = (until: number) => ({
    type: "typing",
    data: { conversation_id: "c1", who: { id: "d", name: null }, until: new Date(until).toISOString() },
  });

  world.socket.says(typing(world.time - 60_000 + 6_000));
  expect(made.getState().typing).toHaveLength(1);
  await world.passes(5_000);
  expect(made.getState().typing).toHaveLength(1);
  await world.passes(2_000);
  expect(made.getState().typing).toHaveLength(0);
});

test("after stop nothing is left behind, and start goes on", async () => {
  const made = await live();
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

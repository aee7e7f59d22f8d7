import { beforeEach, describe, expect, test } from "vitest";
import { NetworkError } from "../../src/runtime/errors.js";
import { conversationsOf } from "../../src/state/selectors.js";
import { conversation, hello, message, newMessage } from "../support/fake-browser.js";
import { ClientWorld, texts } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
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
    const made = await world.live();
    made.watchConversation("c1");
    await world.settles();
    world.socket.says({
      ...newMessage(1, { seq: 2, content: "edited long ago" }),
      type: "message_updated",
      seq: 2,
    });
    expect(texts(made)).toEqual(["text 4", "text 5"]);

    expect(await made.loadOlderMessages("c1")).toBe(true);
    expect(texts(made)).toEqual(["edited long ago", "text 2", "text 4", "text 5"]);
    expect(await made.loadOlderMessages("c1")).toBe(false);
  });

  test("can be asked for by whoever is being told of the one before", async () => {
    const asked: ((page: Response) => void)[] = [];
    world.answer = ({ url }) =>
      url.includes("/messages")
        ? new Promise((answered) => {
            asked.push(answered);
          })
        : undefined;
    const made = await world.live();
    made.watchConversation("c1");
    await world.passes(100); // what happens now is told at once
    const stop = made.subscribe(() => {
      stop();
      void made.loadOlderMessages("c1");
    });
    asked.shift()?.(world.list([message(2)], { Link: '</messages?limit=50&cursor=older>; rel="next"' }));
    await world.settles();
    expect(asked).toHaveLength(1);
    expect(made.getState().threads.get("c1")?.loading).toBe(true);
    asked.shift()?.(world.list([message(1)]));
    await world.settles();
    expect(texts(made)).toEqual(["text 1", "text 2"]);
    expect(made.getState().threads.get("c1")).toMatchObject({ loading: false, next: null });
  });

  test("of a conversation that stands further down bring it along, also after a reset", async () => {
    const old = conversation("c9", { last_message_at: "2026-11-20T10:00:00Z", participant_name: "Ada" });
    world.rows.conversations = [conversation("c1"), old];
    world.rows.messages["c9"] = [message(7, { conversation_id: "c9" })];
    world.answer = ({ url }) => {
      if (new URL(url).pathname !== "/api/conversations") return undefined;
      return world.list([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' });
    };
    const made = await world.live();
    made.watchConversation("c9");
    made.watchConversation("c-unknown");
    await world.settles();
    expect(made.getState().conversations.get("c9")).toEqual(old);
    expect(made.getState().threads.get("c-unknown")?.error).toBeNull();
    expect(conversationsOf(made.getState()).map((one) => one.conversation_id)).toEqual(["c1"]);

    world.socket.says({ type: "reset", data: { reason: "log_pruned", seq: 1, epoch: world.rows.epoch } });
    await world.settles();
    expect(made.getState().needsReload).toBe(false);
    expect(made.getState().conversations.get("c9")).toEqual(old);
    expect(texts(made, "c9")).toEqual(["text 7"]);
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
    const made = await world.live();

    expect(await made.loadMoreConversations()).toBe(true);
    expect(conversationsOf(made.getState()).map((one) => one.conversation_id)).toEqual(["c1", "c9"]);
    await made.loadConversations({ unread: true });
    expect(conversationsOf(made.getState(), { unread: true }).map((one) => one.conversation_id)).toEqual(["c1"]);
    expect(await made.loadMoreConversations()).toBe(false);
  });

  test("that go on from a first one are longer, and no longer than the server gives", async () => {
    world.answer = ({ url }) =>
      new URL(url).pathname === "/api/conversations"
        ? world.list([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' })
        : undefined;
    for (const [pageSize, further] of [
      [30, 120],
      [100, 200],
    ] as const) {
      const made = await world.live({ pageSize });
      world.requests.length = 0;
      await made.loadConversations({ platform: "facebook" });
      await made.loadMoreConversations({ platform: "facebook" });
      expect(world.requests.map(({ url }) => new URL(url).searchParams.get("limit"))).toEqual([
        String(pageSize),
        String(further),
      ]);
    }
  });

  test("that could not be had say so, and are tried again with the next connection", async () => {
    const made = await world.live();
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
      url.includes("/api/search?q=blue+one&limit=5")
        ? world.list([hit], { Link: '</api/search?cursor=n>; rel="next"' })
        : undefined;
    const made = await world.live();

    expect(await made.search("blue one", { limit: 5 })).toEqual({ hits: [hit], next: "n" });
    expect(made.getState().conversations.get("c7")).toEqual(conversation("c7"));
  });
});

describe("a request", () => {
  test("that the caller ends throws what it was ended with", async () => {
    const made = await world.live();
    world.answer = () => new Promise(() => undefined);
    const ends = new AbortController();
    const found = made.search("blue", { signal: ends.signal });
    await world.settles();
    const reason = new Error("they typed on");
    ends.abort(reason);

    await expect(found).rejects.toBe(reason);
  });

  test("that is not answered in time says so", async () => {
    const made = await world.live();
    world.answer = () => new Promise(() => undefined);
    const found = expect(made.search("blue")).rejects.toThrow("There was no answer within 20 s.");
    await world.passes(20_000);

    await found;
  });

  test("that something on the way answers with a page is no answer", async () => {
    const made = await world.live();
    world.answer = () => new Response("<html>Sign in to the Wi-Fi</html>");

    await expect(made.search("blue")).rejects.toBeInstanceOf(NetworkError);
  });
});

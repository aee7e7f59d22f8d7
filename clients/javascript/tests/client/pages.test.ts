import { beforeEach, describe, expect, test } from "vitest";
import { NetworkError } from "../../src/runtime/errors.js";
import { conversationsOf } from "../../src/state/selectors.js";
import { conversation, hello, message, newMessage } from "../support/objects.js";
import { ClientHarness, messageTexts } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

describe("pages", () => {
  test("of older messages leave no gap", async () => {
    harness.respond = ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      if (!pathname.endsWith("/messages")) return undefined;
      return searchParams.get("cursor") === "older"
        ? harness.listResponse([message(2), message(1)])
        : harness.listResponse([message(5), message(4)], { Link: `<${pathname}?limit=50&cursor=older>; rel="next"` });
    };
    const client = await harness.liveClient();
    client.watchConversation("c1");
    await harness.settle();
    harness.socket.serverSends({
      ...newMessage(1, { seq: 2, content: "edited long ago" }),
      type: "message_updated",
      seq: 2,
    });
    expect(messageTexts(client)).toEqual(["text 4", "text 5"]);

    expect(await client.loadOlderMessages("c1")).toBe(true);
    expect(messageTexts(client)).toEqual(["edited long ago", "text 2", "text 4", "text 5"]);
    expect(await client.loadOlderMessages("c1")).toBe(false);
  });

  test("can be requested by a subscriber of the page before", async () => {
    const responses: ((page: Response) => void)[] = [];
    harness.respond = ({ url }) =>
      url.includes("/messages")
        ? new Promise((resolve) => {
            responses.push(resolve);
          })
        : undefined;
    const client = await harness.liveClient();
    client.watchConversation("c1");
    await harness.advance(100); // the next change notifies subscribers at once
    const stop = client.subscribe(() => {
      stop();
      void client.loadOlderMessages("c1");
    });
    responses.shift()?.(harness.listResponse([message(2)], { Link: '</messages?limit=50&cursor=older>; rel="next"' }));
    await harness.settle();
    expect(responses).toHaveLength(1);
    expect(client.getState().threads.get("c1")?.loading).toBe(true);
    responses.shift()?.(harness.listResponse([message(1)]));
    await harness.settle();
    expect(messageTexts(client)).toEqual(["text 1", "text 2"]);
    expect(client.getState().threads.get("c1")).toMatchObject({ loading: false, next: null });
  });

  test("of messages load their conversation if no list contains it, also after a reset", async () => {
    const old = conversation("c9", { last_message_at: "2026-11-20T10:00:00Z", participant_name: "Ada" });
    harness.data.conversations = [conversation("c1"), old];
    harness.data.messages["c9"] = [message(7, { conversation_id: "c9" })];
    harness.respond = ({ url }) => {
      if (new URL(url).pathname !== "/api/conversations") return undefined;
      return harness.listResponse([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' });
    };
    const client = await harness.liveClient();
    client.watchConversation("c9");
    client.watchConversation("c-unknown");
    await harness.settle();
    expect(client.getState().conversations.get("c9")).toEqual(old);
    expect(client.getState().threads.get("c-unknown")?.error).toBeNull();
    expect(conversationsOf(client.getState()).map((one) => one.conversation_id)).toEqual(["c1"]);

    harness.socket.serverSends({ type: "reset", data: { reason: "log_pruned", seq: 1, epoch: harness.data.epoch } });
    await harness.settle();
    expect(client.getState().needsReload).toBe(false);
    expect(client.getState().conversations.get("c9")).toEqual(old);
    expect(messageTexts(client, "c9")).toEqual(["text 7"]);
  });

  test("of conversations follow the cursor and the filter of their list", async () => {
    const old = conversation("c9", { last_message_at: "2026-11-20T10:00:00Z", unread_count: 0 });
    harness.respond = ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      if (pathname !== "/api/conversations") return undefined;
      if (searchParams.get("unread") === "true") return harness.listResponse([conversation("c1")]);
      return searchParams.get("cursor") === "two"
        ? harness.listResponse([old])
        : harness.listResponse([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' });
    };
    const client = await harness.liveClient();

    expect(await client.loadMoreConversations()).toBe(true);
    expect(conversationsOf(client.getState()).map((one) => one.conversation_id)).toEqual(["c1", "c9"]);
    await client.loadConversations({ unread: true });
    expect(conversationsOf(client.getState(), { unread: true }).map((one) => one.conversation_id)).toEqual(["c1"]);
    expect(await client.loadMoreConversations()).toBe(false);
  });

  test("after the first are longer, up to the server's limit", async () => {
    harness.respond = ({ url }) =>
      new URL(url).pathname === "/api/conversations"
        ? harness.listResponse([conversation("c1")], { Link: '</api/conversations?cursor=two>; rel="next"' })
        : undefined;
    for (const [pageSize, further] of [
      [30, 120],
      [100, 200],
    ] as const) {
      const client = await harness.liveClient({ pageSize });
      harness.requests.length = 0;
      await client.loadConversations({ platform: "facebook" });
      await client.loadMoreConversations({ platform: "facebook" });
      expect(harness.requests.map(({ url }) => new URL(url).searchParams.get("limit"))).toEqual([
        String(pageSize),
        String(further),
      ]);
    }
  });

  test("that fail set an error, and are retried with the next connection", async () => {
    const client = await harness.liveClient();
    harness.isDown = true;
    client.watchConversation("c1");
    await harness.settle();
    expect(client.getState().threads.get("c1")?.error).toBe("fetch failed");

    harness.isDown = false;
    harness.socket.serverCloses(1006);
    await harness.advance(500);
    harness.socket.serverAccepts();
    harness.socket.serverSends(hello(1, true));
    await harness.settle();

    expect(messageTexts(client)).toEqual(["text 1"]);
  });

  test("of a search return the server's hits and cursor", async () => {
    const hit = { type: "message", conversation: conversation("c7"), message: message(1), snippet: [] };
    harness.respond = ({ url }) =>
      url.includes("/api/search?q=blue+one&limit=5")
        ? harness.listResponse([hit], { Link: '</api/search?cursor=n>; rel="next"' })
        : undefined;
    const client = await harness.liveClient();

    expect(await client.search("blue one", { limit: 5 })).toEqual({ hits: [hit], next: "n" });
    expect(client.getState().conversations.get("c7")).toEqual(conversation("c7"));
  });
});

describe("a request", () => {
  test("that the caller aborts throws the caller's reason", async () => {
    const client = await harness.liveClient();
    harness.respond = () => new Promise(() => undefined);
    const abort = new AbortController();
    const found = client.search("blue", { signal: abort.signal });
    await harness.settle();
    const reason = new Error("they typed on");
    abort.abort(reason);

    await expect(found).rejects.toBe(reason);
  });

  test("that times out throws an error", async () => {
    const client = await harness.liveClient();
    harness.respond = () => new Promise(() => undefined);
    const found = expect(client.search("blue")).rejects.toThrow("The server did not respond within 20 s.");
    await harness.advance(20_000);

    await found;
  });

  test("that a captive portal answers throws a NetworkError", async () => {
    const client = await harness.liveClient();
    harness.respond = () => new Response("<html>Sign in to the Wi-Fi</html>");

    await expect(client.search("blue")).rejects.toBeInstanceOf(NetworkError);
  });
});

/** Requests while the whole state has to be loaded: a manual retry does not wait for the next attempt. */

import { beforeEach, expect, test } from "vitest";
import { problemResponse } from "../support/fake-browser.js";
import { conversation, hello } from "../support/objects.js";
import { ClientHarness, messageTexts } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
  harness.respond = ({ url }) => (url.includes("/api/") ? problemResponse(503, { "Retry-After": "600" }) : undefined);
});

/** Return a client that is live and could not load anything. */
async function unloadedClient(): Promise<ReturnType<ClientHarness["createClient"]>> {
  const client = harness.createClient();
  client.start();
  await harness.settle();
  harness.socket.serverAccepts();
  harness.socket.serverSends(hello(1, false));
  await harness.settle();
  expect(client.getState().lists.get("all")).toMatchObject({ loaded: false, error: "It was refused: 503." });
  return client;
}

test("loading more of a list that failed to load retries at once", async () => {
  const client = await unloadedClient();
  harness.respond = () => undefined;

  expect(await client.loadMoreConversations()).toBe(true);
  expect(client.getState().lists.get("all")).toMatchObject({ loaded: true, error: null });
});

test("loading another list retries everything at once", async () => {
  const client = await unloadedClient();
  harness.respond = ({ url }) => (url.includes("unread=true") ? harness.listResponse([conversation("c7")]) : undefined);

  await client.loadConversations({ unread: true });

  expect(client.getState().lists.get("all:unread")).toMatchObject({ loaded: true });
  expect(client.getState().conversations.get("c7")).toBeDefined();
});

test("loading older messages of a conversation that failed to load retries at once", async () => {
  const client = await unloadedClient();
  client.watchConversation("c1");
  harness.respond = () => undefined;

  expect(await client.loadOlderMessages("c1")).toBe(true);
  expect(messageTexts(client)).toEqual(["text 1"]);
});

test("a client whose first load failed retries on request, even without a connection", async () => {
  const client = harness.createClient();
  client.start();
  await harness.settle();
  harness.respond = () => undefined;

  expect(await client.loadMoreConversations()).toBe(true);
  harness.socket.serverAccepts();
  harness.socket.serverSends(hello(1, false));
  await harness.settle();
  expect(client.getState()).toMatchObject({ needsReload: false, position: 1 });
});

test("a request during the first load shares its result", async () => {
  harness.respond = () => undefined;
  const client = harness.createClient();
  client.start();
  await client.loadMoreConversations();

  expect(client.getState().lists.get("all")?.loaded).toBe(true);
  expect(harness.requests.filter(({ url }) => url.includes("/api/conversations?"))).toHaveLength(1);
});

test("nothing is loaded before start or after stop", async () => {
  harness.respond = () => undefined;
  const client = harness.createClient();
  await client.loadConversations();
  expect(await client.loadMoreConversations()).toBe(false);
  client.start();
  client.stop();
  await harness.settle();
  const before = harness.requests.length;
  expect(await client.loadOlderMessages("c1")).toBe(false);

  expect(harness.requests).toHaveLength(before);
});

test("a Retry-After of ten minutes is cut to one", async () => {
  const client = await unloadedClient();
  harness.respond = () => undefined;
  for (let beat = 0; beat < 3; beat += 1) {
    await harness.advance(20_000);
    harness.socket.serverSends({ type: "heartbeat", data: { seq: 1 } });
  }

  expect(client.getState().lists.get("all")?.loaded).toBe(true);
});

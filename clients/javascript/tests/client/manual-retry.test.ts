/** What was asked for while everything has to be loaded: a person who tries again does not wait for the next attempt. */

import { beforeEach, expect, test } from "vitest";
import { conversation, hello, refusal } from "../support/fake-browser.js";
import { ClientWorld, texts } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
  world.answer = ({ url }) => (url.includes("/api/") ? refusal(503, { "Retry-After": "600" }) : undefined);
});

/** A client that is live, and could not load anything. */
async function empty(): Promise<ReturnType<ClientWorld["client"]>> {
  const made = world.client();
  made.start();
  await world.settles();
  world.socket.open();
  world.socket.says(hello(1, false));
  await world.settles();
  expect(made.getState().lists.get("all")).toMatchObject({ loaded: false, error: "It was refused: 503." });
  return made;
}

test("further conversations of a list that could not be loaded are loaded at once", async () => {
  const made = await empty();
  world.answer = () => undefined;

  expect(await made.loadMoreConversations()).toBe(true);
  expect(made.getState().lists.get("all")).toMatchObject({ loaded: true, error: null });
});

test("another list is loaded at once, with everything", async () => {
  const made = await empty();
  world.answer = ({ url }) => (url.includes("unread=true") ? world.list([conversation("c7")]) : undefined);

  await made.loadConversations({ unread: true });

  expect(made.getState().lists.get("all:unread")).toMatchObject({ loaded: true });
  expect(made.getState().conversations.get("c7")).toBeDefined();
});

test("older messages of a conversation that could not be loaded are loaded at once", async () => {
  const made = await empty();
  made.watchConversation("c1");
  world.answer = () => undefined;

  expect(await made.loadOlderMessages("c1")).toBe(true);
  expect(texts(made)).toEqual(["text 1"]);
});

test("a client whose first load has failed loads without a connection when it is asked to", async () => {
  const made = world.client();
  made.start();
  await world.settles();
  world.answer = () => undefined;

  expect(await made.loadMoreConversations()).toBe(true);
  world.socket.open();
  world.socket.says(hello(1, false));
  await world.settles();
  expect(made.getState()).toMatchObject({ needsReload: false, position: 1 });
});

test("what is asked for while the first load is under way comes with that", async () => {
  world.answer = () => undefined;
  const made = world.client();
  made.start();
  await made.loadMoreConversations();

  expect(made.getState().lists.get("all")?.loaded).toBe(true);
  expect(world.requests.filter(({ url }) => url.includes("/api/conversations?"))).toHaveLength(1);
});

test("nothing is loaded before the client was started, and nothing after it was stopped", async () => {
  world.answer = () => undefined;
  const made = world.client();
  await made.loadConversations();
  expect(await made.loadMoreConversations()).toBe(false);
  made.start();
  made.stop();
  await world.settles();
  const before = world.requests.length;
  expect(await made.loadOlderMessages("c1")).toBe(false);

  expect(world.requests).toHaveLength(before);
});

test("a server that wants nobody back for ten minutes is asked again after one", async () => {
  const made = await empty();
  world.answer = () => undefined;
  for (let beat = 0; beat < 3; beat += 1) {
    await world.passes(20_000);
    world.socket.says({ type: "heartbeat", data: { seq: 1 } });
  }

  expect(made.getState().lists.get("all")?.loaded).toBe(true);
});

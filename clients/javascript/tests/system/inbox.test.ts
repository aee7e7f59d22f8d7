/** The library against the real thing: a signed webhook goes in, a message comes out. */

import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { InboxClient, type InboxClientOptions } from "../../src/client.js";
import { conversationsOf, messagesOf } from "../../src/selectors.js";
import { signature, up, type System } from "./up.js";

const CUSTOMER = "7001";
let system: System;

beforeAll(async () => {
  system = await up();
}, 120_000);

afterAll(async () => {
  await system.stop();
}, 60_000);

test.each([
  { transport: "websocket", user: "42", page: "1001" },
  { transport: "sse", user: "43", page: "1002" },
] as const)("a customer's message is seen over $transport, also after a lost connection", async ({ transport, user, page }) => {
  await connectPage(user, page);
  await write(page, "m_1", "Before anybody looked");
  const client = new InboxClient(await options(user, transport));
  client.start();
  await until(() => conversationsOf(client.getState()).length === 1 && client.getStatus().phase === "live");
  expect(client.getStatus().transport).toBe(transport);
  const id = conversationsOf(client.getState())[0]?.conversation_id ?? "";
  const unwatch = client.watchConversation(id);
  const shown = (): (string | null)[] =>
    messagesOf(client.getState().threads.get(id)).map(({ content }) => content);
  await until(() => shown().length === 1);

  await write(page, "m_2", "Is the blue one still there?");
  await until(() => shown().length === 2);

  client.stop();
  await write(page, "m_3", "Hello?");
  client.start();
  await until(() => shown().length === 3);
  expect(shown()).toEqual(["Before anybody looked", "Is the blue one still there?", "Hello?"]);
  await until(() => client.getStatus().phase === "live");

  expect(client.getState().conversations.get(id)?.unread_count).toBe(3);
  client.markRead(id);
  await until(() => client.getState().conversations.get(id)?.unread_count === 0);

  await until(async () => (await client.search("blue")).hits.length === 1);
  unwatch();
  client.stop();
}, 60_000);

async function options(user: string, transport: "websocket" | "sse"): Promise<InboxClientOptions> {
  const token = await mint(user);
  return {
    userId: user,
    url: system.inbox,
    getToken: () => token,
    sseAfterFailures: 1,
    environment: {
      openWebSocket: (url, protocols) => {
        if (transport === "sse") {
          throw new Error("WebSockets do not get through here");
        }
        return new WebSocket(url, [...protocols]);
      },
    },
  };
}

async function mint(user: string): Promise<string> {
  const answer = await asAdmin("POST", "/api/tokens", { user_id: user });
  return ((await answer.json()) as { token: string }).token;
}

async function connectPage(user: string, page: string): Promise<void> {
  await asAdmin("PUT", `/api/accounts/facebook/${page}`, { user_id: user, name: "Blue Things" });
}

async function asAdmin(method: string, path: string, body: unknown): Promise<Response> {
  const headers = { Authorization: `Bearer ${system.admin_token}`, "Content-Type": "application/json" };
  const answer = await fetch(`${system.inbox}${path}`, { method, headers, body: JSON.stringify(body) });
  expect(answer.ok, `${method} ${path}: ${String(answer.status)}`).toBe(true);
  return answer;
}

async function write(page: string, mid: string, text: string): Promise<void> {
  const timestamp = Date.now();
  const item = { sender: { id: CUSTOMER }, recipient: { id: page }, timestamp, message: { mid, text } };
  const body = JSON.stringify({ object: "page", entry: [{ id: page, time: timestamp, messaging: [item] }] });
  const headers = { "Content-Type": "application/json", "X-Hub-Signature-256": signature(body, system.app_secret) };
  const answer = await fetch(`${system.inbox}/webhooks/facebook`, { method: "POST", body, headers });
  expect(answer.status).toBe(200);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 15_000, interval: 20 }).toBe(true);
}

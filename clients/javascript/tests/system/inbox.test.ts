/** The library against the real system: a signed webhook goes in, a message comes out. */

import { expect, inject, test } from "vitest";
import WebSocket from "ws";
import { InboxClient } from "../../src/client.js";
import type { InboxClientOptions } from "../../src/options.js";
import { conversationsOf, messagesOf } from "../../src/state/selectors.js";
import { connectPage, mint, sendMessage } from "./actors.js";

const system = inject("system");

test.each([
  { transport: "websocket", user: "42", page: "1001" },
  { transport: "sse", user: "43", page: "1002" },
] as const)(
  "a customer's message arrives over $transport, also after a lost connection",
  async ({ transport, user, page }) => {
    await connectPage(system, user, page);
    await sendMessage(system, page, "m_1", "Before anybody looked");
    const client = new InboxClient(await options(user, transport));
    client.start();
    await eventually(() => conversationsOf(client.getState()).length === 1 && client.getStatus().phase === "live");
    expect(client.getStatus().transport).toBe(transport);
    const id = conversationsOf(client.getState())[0]?.conversation_id ?? "";
    const unwatch = client.watchConversation(id);
    const shown = (): (string | null)[] => messagesOf(client.getState().threads.get(id)).map(({ content }) => content);
    await eventually(() => shown().length === 1);

    await sendMessage(system, page, "m_2", "Is the blue one still there?");
    await eventually(() => shown().length === 2);

    client.stop();
    await sendMessage(system, page, "m_3", "Hello?");
    client.start();
    await eventually(() => shown().length === 3);
    expect(shown()).toEqual(["Before anybody looked", "Is the blue one still there?", "Hello?"]);
    await eventually(() => client.getStatus().phase === "live");

    expect(client.getState().conversations.get(id)?.unread_count).toBe(3);
    client.markRead(id);
    await eventually(() => client.getState().conversations.get(id)?.unread_count === 0);

    await eventually(async () => (await client.search("blue")).hits.length === 1);
    unwatch();
    client.stop();
  },
);

async function options(user: string, transport: "websocket" | "sse"): Promise<InboxClientOptions> {
  const token = await mint(system, user);
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

async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 15_000, interval: 20 }).toBe(true);
}

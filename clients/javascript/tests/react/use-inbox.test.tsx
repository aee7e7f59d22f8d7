// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { StrictMode, useEffect, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InboxClient } from "../../src/client.js";
import { InboxProvider, useConnectionStatus, useConversation, useInbox } from "../../src/react/index.js";
import type { AnyFrame } from "../../src/protocol/types.js";
import { FakeBrowser } from "../support/fake-browser.js";
import { conversation, hello, message, newMessage } from "../support/objects.js";

let browser: FakeBrowser;

beforeEach(() => {
  browser = new FakeBrowser();
  browser.data.conversations = [conversation("c1")];
  browser.data.messages = { c1: [message(1)] };
  browser.data.seq = 1;
});

afterEach(cleanup);

const settle = async (): Promise<void> => {
  await act(() => browser.advance(20));
};

function client(): InboxClient {
  return new InboxClient({ userId: "42", getToken: () => "t", environment: browser.environment });
}

function Thread(): ReactNode {
  const { messages, conversation: shown, markRead, viewers } = useConversation("c1");
  return (
    <div>
      <h1>{shown?.participant_name}</h1>
      <ol>
        {messages.map(({ id, content }) => (
          <li key={id}>{content}</li>
        ))}
      </ol>
      <p>{viewers.map(({ name }) => name).join()}</p>
      <button
        onClick={() => {
          markRead();
        }}
      >
        read
      </button>
    </div>
  );
}

function List(): ReactNode {
  const { conversations, unreadCount, loaded } = useInbox();
  const { phase } = useConnectionStatus();
  return (
    <p>{`${phase} ${String(loaded)} ${conversations.map((one) => one.conversation_id).join()} ${String(unreadCount)}`}</p>
  );
}

describe("useInbox, useConversation and useConnectionStatus", () => {
  test("show the state and its changes", async () => {
    render(
      <StrictMode>
        <InboxProvider client={client()}>
          <List />
          <Thread />
        </InboxProvider>
      </StrictMode>,
    );
    expect(screen.getByText("connecting false 0")).toBeTruthy();
    await settle();
    expect(screen.getByText("connecting true c1 1")).toBeTruthy();
    await act(async () => {
      browser.socket.serverAccepts();
      browser.socket.serverSends(
        hello(1, true),
        { type: "presence", data: { who: { id: "d", name: "Grace" }, online: true, viewing: "c1" } },
        newMessage(2),
        newMessage(3, { conversation_id: "c2" }),
      );
      await browser.settle();
      await browser.advance(50);
    });

    expect(screen.getByText("live true c2,c1 2")).toBeTruthy();
    expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["text 1", "text 2"]);
    expect(screen.getByRole("heading").textContent).toBe("Ada");
    expect(screen.getByText("Grace")).toBeTruthy();
    screen.getByRole("button").click();
    expect(browser.socket.sent.map((text) => (JSON.parse(text) as AnyFrame).type)).toEqual(["viewing", "read"]);
  });

  test("throw without a provider", () => {
    console.error = () => undefined;
    expect(() => renderHook(() => useInbox())).toThrow("InboxProvider");
  });

  test("render only when what they show changes", async () => {
    browser.data.conversations = [conversation("c1"), conversation("c2", { platform: "whatsapp" })];
    const renders = { thread: 0, whatsapp: 0, status: 0 };
    const values: { readonly whatsapp: unknown[]; readonly actions: unknown[] } = { whatsapp: [], actions: [] };
    function CountedThread(): ReactNode {
      const { loadOlder, markRead, sendTyping } = useConversation("c1");
      useEffect(() => {
        renders.thread += 1;
        values.actions.push(loadOlder, markRead, sendTyping);
      });
      return null;
    }
    function CountedList(): ReactNode {
      const { conversations, loadMore } = useInbox({ platform: "whatsapp" });
      useEffect(() => {
        renders.whatsapp += 1;
        values.whatsapp.push(conversations);
        values.actions.push(loadMore);
      });
      return null;
    }
    function CountedStatus(): ReactNode {
      useConnectionStatus();
      useEffect(() => {
        renders.status += 1;
      });
      return null;
    }
    render(
      <InboxProvider client={client()}>
        <CountedThread />
        <CountedList />
        <CountedStatus />
      </InboxProvider>,
    );
    await settle();
    browser.socket.serverAccepts();
    browser.socket.serverSends(hello(1, true));
    await settle();
    await settle();
    const before = { ...renders };
    values.whatsapp.length = 0;
    values.actions.splice(0, values.actions.length - 4);

    const who = { id: "d", name: null };
    browser.socket.serverSends(
      newMessage(2, { conversation_id: "c3" }),
      { type: "typing", data: { conversation_id: "c3", who, until: new Date(browser.time + 6_000).toISOString() } },
      { type: "presence", data: { who, online: true, viewing: "c3" } },
    );
    await settle();
    await settle();

    expect(renders.thread).toBe(before.thread);
    expect(renders.status).toBe(before.status);
    expect(new Set(values.whatsapp).size).toBeLessThanOrEqual(1);
    await act(async () => {
      browser.socket.serverSends(newMessage(3));
      await browser.advance(50);
    });
    expect(renders.thread).toBeGreaterThan(before.thread);
    expect(renders.status).toBe(before.status);
    expect(new Set(values.actions).size).toBe(4);
  });
});

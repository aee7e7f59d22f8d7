// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen, waitFor } from "@testing-library/react";
import { StrictMode, useEffect, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InboxClient } from "../src/client.js";
import {
  configure,
  InboxProvider,
  useConnectionStatus,
  useConversation,
  useInbox,
  useWebSocket,
} from "../src/react.js";
import type { AnyFrame } from "../src/types.js";
import { conversation, hello, message, newMessage, World } from "./world.js";

let world: World;

beforeEach(() => {
  world = new World();
  world.rows.conversations = [conversation("c1")];
  world.rows.messages = { c1: [message(1)] };
  world.rows.seq = 1;
  configure({ getToken: () => "t", url: "http://inbox.test", environment: world.environment });
});

afterEach(cleanup);

const settle = async (): Promise<void> => {
  await act(() => world.passes(20));
};

/** Renders `useWebSocket` and keeps every `lastMessage` that an effect saw. */
function Recorder({ seen, userId = "42" }: { readonly seen: (AnyFrame | null)[]; readonly userId?: string }): ReactNode {
  const { isConnected, lastMessage } = useWebSocket(userId);
  useEffect(() => {
    seen.push(lastMessage);
  }, [lastMessage, seen]);
  return <p>{isConnected ? "connected" : "away"}</p>;
}

describe("useWebSocket", () => {
  test.each([10, 300])("shows every one of %i frames of one burst to effects, in order", async (count) => {
    const seen: (AnyFrame | null)[] = [];
    const complaints: unknown[] = [];
    console.error = (...said: unknown[]) => complaints.push(said);
    render(<Recorder seen={seen} />);
    await world.settles();
    world.socket.open();
    const burst = Array.from({ length: count }, (_, index) => newMessage(index + 2));

    // Outside of act(), as in a browser: React is free to batch.
    world.socket.says(hello(1, false), ...burst);

    await waitFor(() => { expect(seen).toHaveLength(count + 2); }, { timeout: 5_000 });
    expect(seen).toEqual([null, hello(1, false), ...burst]);
    expect(screen.getByText("connected")).toBeTruthy();
    expect(complaints.filter((said) => !String(said).includes("act("))).toEqual([]);
  });

  test("shows them also in StrictMode, to each component, and ten in the middle of a rendering", async () => {
    const one: (AnyFrame | null)[] = [];
    const other: (AnyFrame | null)[] = [];
    render(<StrictMode><Recorder seen={one} /><Recorder seen={other} /></StrictMode>);
    await world.settles();
    expect(world.sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
    world.socket.open();
    world.socket.says(hello(1, false));
    await waitFor(() => { expect(one.at(-1)).toEqual(hello(1, false)); });

    const burst = Array.from({ length: 10 }, (_, index) => newMessage(index + 2));
    world.socket.says(...burst.slice(0, 5));
    await new Promise((resolve) => { setTimeout(resolve, 1); });
    world.socket.says(...burst.slice(5));

    await waitFor(() => { expect(one.at(-1)).toEqual(burst.at(-1)); });
    await waitFor(() => { expect(other.at(-1)).toEqual(burst.at(-1)); });
    expect(one.filter((frame) => frame?.type === "new_message")).toEqual(burst);
    expect(other.filter((frame) => frame?.type === "new_message")).toEqual(burst);
  });

  test("parses frames as {type, data}, and tells whether it is connected", async () => {
    const { result } = renderHook(() => useWebSocket("42"));
    expect(result.current).toEqual({ isConnected: false, lastMessage: null });
    await settle();
    await act(async () => {
      world.socket.open();
      world.socket.says(hello(1, false));
      await world.settles();
    });

    expect(result.current).toEqual({ isConnected: true, lastMessage: hello(1, false) });
    await act(async () => {
      world.socket.ends(1006);
      await world.settles();
    });
    expect(result.current.isConnected).toBe(false);
  });

  test("goes on where it was after a lost connection", async () => {
    renderHook(() => useWebSocket("42"));
    await settle();
    world.socket.says(hello(7, false), newMessage(8));
    world.socket.ends(1006);
    await act(() => world.passes(500));

    expect(world.socket.url).toBe("ws://inbox.test/ws/42?after=8&epoch=5f0c2d7e");
  });

  test("sends the text ping every 30 s while it is connected, once for all components", async () => {
    render(<><Recorder seen={[]} /><Recorder seen={[]} /></>);
    await settle();
    await act(() => world.passes(30_000));
    expect(world.socket.sent).toEqual([]);
    world.socket.open();
    world.socket.says(hello(1, false));

    await act(() => world.passes(30_000));
    expect(world.socket.sent).toEqual(["ping"]);
    world.socket.says({ type: "pong" });
    await act(() => world.passes(30_000));
    expect(world.socket.sent).toEqual(["ping", "ping"]);
  });

  test("closes the connection when the last component has gone", async () => {
    const { unmount } = renderHook(() => useWebSocket("42"));
    await settle();
    unmount();
    await settle();

    expect(world.socket.isClosed).toBe(true);
    expect(world.timers).toBe(0);
  });

  test("uses the provider's client for its user", async () => {
    const seen: (AnyFrame | null)[] = [];
    render(<InboxProvider client={client()}><Recorder seen={seen} /></InboxProvider>);
    await settle();
    expect(world.sockets).toHaveLength(1);
    await act(async () => {
      world.socket.open();
      world.socket.says(hello(1, true), newMessage(2), newMessage(3));
      await world.settles();
    });

    await waitFor(() => { expect(seen).toEqual([null, hello(1, true), newMessage(2), newMessage(3)]); });
  });
});

function client(): InboxClient {
  return new InboxClient({ userId: "42", getToken: () => "t", environment: world.environment });
}

function Thread(): ReactNode {
  const { messages, conversation: shown, markRead, viewers } = useConversation("c1");
  return (
    <div>
      <h1>{shown?.participant_name}</h1>
      <ol>{messages.map(({ id, content }) => <li key={id}>{content}</li>)}</ol>
      <p>{viewers.map(({ name }) => name).join()}</p>
      <button onClick={() => { markRead(); }}>read</button>
    </div>
  );
}

function List(): ReactNode {
  const { conversations, unreadCount, loaded } = useInbox();
  const { phase } = useConnectionStatus();
  return <p>{`${phase} ${String(loaded)} ${conversations.map((one) => one.conversation_id).join()} ${String(unreadCount)}`}</p>;
}

describe("useInbox, useConversation and useConnectionStatus", () => {
  test("show what is held, and what comes", async () => {
    render(<StrictMode><InboxProvider client={client()}><List /><Thread /></InboxProvider></StrictMode>);
    expect(screen.getByText("connecting false 0")).toBeTruthy();
    await settle();
    expect(screen.getByText("connecting true c1 1")).toBeTruthy();
    await act(async () => {
      world.socket.open();
      world.socket.says(
        hello(1, true),
        { type: "presence", data: { who: { id: "d", name: "Grace" }, online: true, viewing: "c1" } },
        newMessage(2),
        newMessage(3, { conversation_id: "c2" }),
      );
      await world.settles();
      await world.passes(50);
    });

    expect(screen.getByText("live true c2,c1 2")).toBeTruthy();
    expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["text 1", "text 2"]);
    expect(screen.getByRole("heading").textContent).toBe("Ada");
    expect(screen.getByText("Grace")).toBeTruthy();
    screen.getByRole("button").click();
    expect(world.socket.sent.map((text) => (JSON.parse(text) as AnyFrame).type)).toEqual(["viewing", "read"]);
  });

  test("complain without a provider", () => {
    console.error = () => undefined;
    expect(() => renderHook(() => useInbox())).toThrow("InboxProvider");
  });
});

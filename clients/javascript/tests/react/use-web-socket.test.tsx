// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen, waitFor } from "@testing-library/react";
import { Activity, StrictMode, useEffect, useState, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InboxClient } from "../../src/client.js";
import { configure, InboxProvider, useWebSocket } from "../../src/react/index.js";
import type { AnyFrame } from "../../src/protocol/types.js";
import { FakeBrowser } from "../support/fake-browser.js";
import { conversation, hello, message, newMessage } from "../support/objects.js";

let browser: FakeBrowser;

beforeEach(() => {
  browser = new FakeBrowser();
  browser.data.conversations = [conversation("c1")];
  browser.data.messages = { c1: [message(1)] };
  browser.data.seq = 1;
  configure({ getToken: () => "t", url: "http://inbox.test", environment: browser.environment });
});

afterEach(cleanup);

const settle = async (): Promise<void> => {
  await act(() => browser.advance(20));
};

function client(): InboxClient {
  return new InboxClient({ userId: "42", getToken: () => "t", environment: browser.environment });
}

/** Renders `useWebSocket` and keeps every `lastMessage` that an effect saw. */
function Recorder({
  seen,
  userId = "42",
}: {
  readonly seen: (AnyFrame | null)[];
  readonly userId?: string;
}): ReactNode {
  const { isConnected, lastMessage } = useWebSocket(userId);
  useEffect(() => {
    seen.push(lastMessage);
  }, [lastMessage, seen]);
  return <p>{isConnected ? "connected" : "disconnected"}</p>;
}

describe("useWebSocket", () => {
  test.each([10, 300])("shows effects every one of %i frames of a burst, in order", async (count) => {
    const seen: (AnyFrame | null)[] = [];
    const warnings: unknown[] = [];
    console.error = (...args: unknown[]) => warnings.push(args);
    render(<Recorder seen={seen} />);
    await browser.settle();
    browser.socket.serverAccepts();
    const burst = Array.from({ length: count }, (_, index) => newMessage(index + 2));

    // Outside of act(), as in a browser: React is free to batch.
    browser.socket.serverSends(hello(1, false), ...burst);

    await waitFor(
      () => {
        expect(seen).toHaveLength(count + 2);
      },
      { timeout: 5_000 },
    );
    expect(seen).toEqual([null, hello(1, false), ...burst]);
    expect(screen.getByText("connected")).toBeTruthy();
    expect(warnings.filter((args) => !String(args).includes("act("))).toEqual([]);
  });

  test("shows every frame to each component, in StrictMode and in the middle of a rendering", async () => {
    const one: (AnyFrame | null)[] = [];
    const other: (AnyFrame | null)[] = [];
    render(
      <StrictMode>
        <Recorder seen={one} />
        <Recorder seen={other} />
      </StrictMode>,
    );
    await browser.settle();
    expect(browser.sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
    browser.socket.serverAccepts();
    browser.socket.serverSends(hello(1, false));
    await waitFor(() => {
      expect(one.at(-1)).toEqual(hello(1, false));
    });

    const burst = Array.from({ length: 10 }, (_, index) => newMessage(index + 2));
    browser.socket.serverSends(...burst.slice(0, 5));
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
    browser.socket.serverSends(...burst.slice(5));

    await waitFor(() => {
      expect(one.at(-1)).toEqual(burst.at(-1));
    });
    await waitFor(() => {
      expect(other.at(-1)).toEqual(burst.at(-1));
    });
    expect(one.filter((frame) => frame?.type === "new_message")).toEqual(burst);
    expect(other.filter((frame) => frame?.type === "new_message")).toEqual(burst);
  });

  test("returns parsed frames, and whether it is connected", async () => {
    const { result } = renderHook(() => useWebSocket("42"));
    expect(result.current).toEqual({ isConnected: false, lastMessage: null });
    await settle();
    await act(async () => {
      browser.socket.serverAccepts();
      browser.socket.serverSends(hello(1, false));
      await browser.settle();
    });

    expect(result.current).toEqual({ isConnected: true, lastMessage: hello(1, false) });
    await act(async () => {
      browser.socket.serverCloses(1006);
      await browser.settle();
    });
    expect(result.current.isConnected).toBe(false);
  });

  test("resumes after a lost connection", async () => {
    renderHook(() => useWebSocket("42"));
    await settle();
    browser.socket.serverSends(hello(7, false), newMessage(8));
    browser.socket.serverCloses(1006);
    await act(() => browser.advance(500));

    expect(browser.socket.url).toBe("ws://inbox.test/ws/42?after=8&epoch=5f0c2d7e");
  });

  test("sends the text ping every 30 s while connected, once for all components", async () => {
    render(
      <>
        <Recorder seen={[]} />
        <Recorder seen={[]} />
      </>,
    );
    await settle();
    await act(() => browser.advance(30_000));
    expect(browser.socket.sent).toEqual([]);
    browser.socket.serverAccepts();
    browser.socket.serverSends(hello(1, false));

    await act(() => browser.advance(30_000));
    expect(browser.socket.sent).toEqual(["ping"]);
    browser.socket.serverSends({ type: "pong" });
    await act(() => browser.advance(30_000));
    expect(browser.socket.sent).toEqual(["ping", "ping"]);
  });

  test("closes the connection when the last component is gone", async () => {
    const { unmount } = renderHook(() => useWebSocket("42"));
    await settle();
    unmount();
    await settle();

    expect(browser.socket.isClosed).toBe(true);
    expect(browser.timers).toBe(0);
  });

  test("uses the provider's client for its user", async () => {
    const seen: (AnyFrame | null)[] = [];
    render(
      <InboxProvider client={client()}>
        <Recorder seen={seen} />
      </InboxProvider>,
    );
    await settle();
    expect(browser.sockets).toHaveLength(1);
    await act(async () => {
      browser.socket.serverAccepts();
      browser.socket.serverSends(hello(1, true), newMessage(2), newMessage(3));
      await browser.settle();
    });

    await waitFor(() => {
      expect(seen).toEqual([null, hello(1, true), newMessage(2), newMessage(3)]);
    });
  });

  test("shows every frame even if effects set state and the parent renders", async () => {
    const seen: (AnyFrame | null)[] = [];
    let rerenderParent: () => void = () => undefined;
    function Counting(): ReactNode {
      const { lastMessage } = useWebSocket("42");
      const [count, setCount] = useState(0);
      const [log, setLog] = useState<readonly AnyFrame[]>([]);
      useEffect(() => {
        seen.push(lastMessage);
        // eslint-disable-next-line react-hooks/set-state-in-effect -- common in practice, and must lose no frame
        setCount((before) => before + 1);
        setLog((before) => (lastMessage === null ? before : [...before, lastMessage]));
      }, [lastMessage]);
      return <p>{`${String(count)} ${String(log.length)}`}</p>;
    }
    function Parent(): ReactNode {
      const [, setTurn] = useState(0);
      useEffect(() => {
        rerenderParent = () => {
          setTurn((turn) => turn + 1);
        };
      }, []);
      return <Counting />;
    }
    render(<Parent />);
    await browser.settle();
    const burst = Array.from({ length: 10 }, (_, index) => newMessage(index + 2));
    browser.socket.serverSends(hello(1, false));
    for (const frame of burst) {
      rerenderParent();
      browser.socket.serverSends(frame);
    }

    await waitFor(() => {
      expect(screen.getByText("12 11")).toBeTruthy();
    });
    expect(seen).toEqual([null, hello(1, false), ...burst]);
  });

  test("never shows a frame of another user, even if some wait while the user changes", async () => {
    const seen: [string, AnyFrame][] = [];
    function Pair({ userId }: { readonly userId: string }): ReactNode {
      const { lastMessage } = useWebSocket(userId);
      useEffect(() => {
        if (lastMessage !== null) seen.push([userId, lastMessage]);
      }, [userId, lastMessage]);
      return null;
    }
    const { rerender } = render(<Pair userId="42" />);
    await settle();
    const first = browser.socket;
    first.serverSends(hello(1, false));
    await waitFor(() => {
      expect(seen).toHaveLength(1);
    });
    first.serverSends(newMessage(2), newMessage(3), newMessage(4));
    rerender(<Pair userId="43" />);
    await settle();
    expect(first.isClosed).toBe(true);
    browser.socket.serverSends(hello(7, false), newMessage(8));

    await waitFor(() => {
      expect(seen.at(-1)).toEqual(["43", newMessage(8)]);
    });
    expect(seen.filter(([userId]) => userId === "43").map(([, frame]) => frame)).toEqual([
      hello(7, false),
      newMessage(8),
    ]);
    expect(seen.filter(([userId]) => userId === "42").map(([, frame]) => frame)).not.toContainEqual(newMessage(8));
    expect(browser.socket.url).toContain("/ws/43");
  });

  test("leaves no frame, timer or socket behind when unmounted during a burst", async () => {
    const seen: (AnyFrame | null)[] = [];
    const { unmount } = render(<Recorder seen={seen} />);
    await browser.settle();
    browser.socket.serverSends(hello(1, false), ...Array.from({ length: 50 }, (_, index) => newMessage(index + 2)));
    unmount();
    const count = seen.length;
    await settle();

    expect(seen).toHaveLength(count);
    expect(browser.socket.isClosed).toBe(true);
    expect(browser.timers).toBe(0);
  });

  test("shows a hidden component the missed frames once it is visible again", async () => {
    const seen: (AnyFrame | null)[] = [];
    const shown = (mode: "visible" | "hidden"): ReactNode => (
      <Activity mode={mode}>
        <Recorder seen={seen} />
      </Activity>
    );
    const { rerender } = render(shown("visible"));
    await settle();
    browser.socket.serverSends(hello(1, false), newMessage(2));
    await waitFor(() => {
      expect(seen.at(-1)).toEqual(newMessage(2));
    });
    rerender(shown("hidden"));
    await settle();
    expect(browser.socket.isClosed).toBe(true);
    expect(browser.timers).toBe(0);
    seen.length = 0;

    rerender(shown("visible"));
    await settle();
    expect(browser.socket.url).toContain("after=2&");
    browser.socket.serverSends(hello(4, true), newMessage(3), newMessage(4));
    await waitFor(() => {
      expect(seen.at(-1)).toEqual(newMessage(4));
    });
    expect(seen.filter((frame) => frame?.type === "new_message")).toEqual([newMessage(3), newMessage(4)]);
  });
});

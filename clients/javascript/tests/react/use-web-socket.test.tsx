// @vitest-environment jsdom
import { act, cleanup, render, renderHook, screen, waitFor } from "@testing-library/react";
import { Activity, StrictMode, useEffect, useState, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InboxClient } from "../../src/client.js";
import { configure, InboxProvider, useWebSocket } from "../../src/react/index.js";
import type { AnyFrame } from "../../src/protocol/types.js";
import { conversation, hello, message, newMessage, World } from "../support/fake-browser.js";

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

function client(): InboxClient {
  return new InboxClient({ userId: "42", getToken: () => "t", environment: world.environment });
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

    await waitFor(
      () => {
        expect(seen).toHaveLength(count + 2);
      },
      { timeout: 5_000 },
    );
    expect(seen).toEqual([null, hello(1, false), ...burst]);
    expect(screen.getByText("connected")).toBeTruthy();
    expect(complaints.filter((said) => !String(said).includes("act("))).toEqual([]);
  });

  test("shows them also in StrictMode, to each component, and ten in the middle of a rendering", async () => {
    const one: (AnyFrame | null)[] = [];
    const other: (AnyFrame | null)[] = [];
    render(
      <StrictMode>
        <Recorder seen={one} />
        <Recorder seen={other} />
      </StrictMode>,
    );
    await world.settles();
    expect(world.sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
    world.socket.open();
    world.socket.says(hello(1, false));
    await waitFor(() => {
      expect(one.at(-1)).toEqual(hello(1, false));
    });

    const burst = Array.from({ length: 10 }, (_, index) => newMessage(index + 2));
    world.socket.says(...burst.slice(0, 5));
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
    world.socket.says(...burst.slice(5));

    await waitFor(() => {
      expect(one.at(-1)).toEqual(burst.at(-1));
    });
    await waitFor(() => {
      expect(other.at(-1)).toEqual(burst.at(-1));
    });
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
    render(
      <>
        <Recorder seen={[]} />
        <Recorder seen={[]} />
      </>,
    );
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
    render(
      <InboxProvider client={client()}>
        <Recorder seen={seen} />
      </InboxProvider>,
    );
    await settle();
    expect(world.sockets).toHaveLength(1);
    await act(async () => {
      world.socket.open();
      world.socket.says(hello(1, true), newMessage(2), newMessage(3));
      await world.settles();
    });

    await waitFor(() => {
      expect(seen).toEqual([null, hello(1, true), newMessage(2), newMessage(3)]);
    });
  });

  test("shows every frame also where effects set state, and the parent renders on its own", async () => {
    const seen: (AnyFrame | null)[] = [];
    let nudge: () => void = () => undefined;
    function Counting(): ReactNode {
      const { lastMessage } = useWebSocket("42");
      const [count, setCount] = useState(0);
      const [log, setLog] = useState<readonly AnyFrame[]>([]);
      useEffect(() => {
        seen.push(lastMessage);
        // eslint-disable-next-line react-hooks/set-state-in-effect -- what people do, and frames have to survive
        setCount((before) => before + 1);
        setLog((before) => (lastMessage === null ? before : [...before, lastMessage]));
      }, [lastMessage]);
      return <p>{`${String(count)} ${String(log.length)}`}</p>;
    }
    function Parent(): ReactNode {
      const [, setTurn] = useState(0);
      useEffect(() => {
        nudge = () => {
          setTurn((turn) => turn + 1);
        };
      }, []);
      return <Counting />;
    }
    render(<Parent />);
    await world.settles();
    const burst = Array.from({ length: 10 }, (_, index) => newMessage(index + 2));
    world.socket.says(hello(1, false));
    for (const frame of burst) {
      nudge();
      world.socket.says(frame);
    }

    await waitFor(() => {
      expect(screen.getByText("12 11")).toBeTruthy();
    });
    expect(seen).toEqual([null, hello(1, false), ...burst]);
  });

  test("never shows a frame of another user, also where some wait while the user changes", async () => {
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
    const first = world.socket;
    first.says(hello(1, false));
    await waitFor(() => {
      expect(seen).toHaveLength(1);
    });
    first.says(newMessage(2), newMessage(3), newMessage(4));
    rerender(<Pair userId="43" />);
    await settle();
    expect(first.isClosed).toBe(true);
    world.socket.says(hello(7, false), newMessage(8));

    await waitFor(() => {
      expect(seen.at(-1)).toEqual(["43", newMessage(8)]);
    });
    expect(seen.filter(([userId]) => userId === "43").map(([, frame]) => frame)).toEqual([
      hello(7, false),
      newMessage(8),
    ]);
    expect(seen.filter(([userId]) => userId === "42").map(([, frame]) => frame)).not.toContainEqual(newMessage(8));
    expect(world.socket.url).toContain("/ws/43");
  });

  test("leaves no frame, no timer and no socket behind when it goes in the middle of a burst", async () => {
    const seen: (AnyFrame | null)[] = [];
    const { unmount } = render(<Recorder seen={seen} />);
    await world.settles();
    world.socket.says(hello(1, false), ...Array.from({ length: 50 }, (_, index) => newMessage(index + 2)));
    unmount();
    const count = seen.length;
    await settle();

    expect(seen).toHaveLength(count);
    expect(world.socket.isClosed).toBe(true);
    expect(world.timers).toBe(0);
  });

  test("shows a hidden component what came for it once it is shown again", async () => {
    const seen: (AnyFrame | null)[] = [];
    const shown = (mode: "visible" | "hidden"): ReactNode => (
      <Activity mode={mode}>
        <Recorder seen={seen} />
      </Activity>
    );
    const { rerender } = render(shown("visible"));
    await settle();
    world.socket.says(hello(1, false), newMessage(2));
    await waitFor(() => {
      expect(seen.at(-1)).toEqual(newMessage(2));
    });
    rerender(shown("hidden"));
    await settle();
    expect(world.socket.isClosed).toBe(true);
    expect(world.timers).toBe(0);
    seen.length = 0;

    rerender(shown("visible"));
    await settle();
    expect(world.socket.url).toContain("after=2&");
    world.socket.says(hello(4, true), newMessage(3), newMessage(4));
    await waitFor(() => {
      expect(seen.at(-1)).toEqual(newMessage(4));
    });
    expect(seen.filter((frame) => frame?.type === "new_message")).toEqual([newMessage(3), newMessage(4)]);
  });
});

/** The frames of a user, as a hook. */

import { useEffect, useRef, useState } from "react";
import type { AnyFrame } from "../protocol/types.js";
import { FrameFeed, type FrameSource } from "./frame-feed.js";
import { FrameQueue } from "./frame-queue.js";
import { useFrameSource } from "./provider.js";
import { useSourceStatus } from "./use-connection-status.js";

export interface WebSocketState {
  readonly isConnected: boolean;
  /** The last frame; `null` before the first. Every frame is rendered and seen by effects, also in a burst. */
  readonly lastMessage: AnyFrame | null;
}

/** Return the frames of a user's inbox, one after another, and whether the connection is live.
 *
 * Uses the client of the provider above if it belongs to this user, else a connection as set by `configure`, which all
 * components of the user share. The connection sends the text `ping` every 30 s.
 *
 * @throws {Error} there is neither a provider for this user nor a configuration
 * @example
 * const { isConnected, lastMessage } = useWebSocket("42");
 * useEffect(() => { if (lastMessage?.type === "new_message") show(lastMessage.data); }, [lastMessage]);
 */
export function useWebSocket(userId: string): WebSocketState {
  const source = useFrameSource(userId);
  const [rendered, setRendered] = useState<RenderedFrame>({ source, frame: null });
  const queueRef = useRef<FrameQueue | null>(null);
  // After a change of the user, the state still has a frame of the last one until the effect below has run.
  const lastMessage = rendered.source === source ? rendered.frame : null;

  useEffect(() => {
    const { schedule, close } = createTaskQueue();
    const queue = new FrameQueue((frame) => {
      setRendered({ source, frame });
    }, schedule);
    queueRef.current = queue;
    const cleanups = [
      source.on("frame", (frame) => {
        queue.add(frame);
      }),
      source.keepPinging(),
    ];
    if (source instanceof FrameFeed) {
      cleanups.push(source.retain());
    }
    return () => {
      queueRef.current = null;
      for (const cleanUp of [...cleanups, close]) {
        cleanUp();
      }
      setRendered({ source, frame: null });
    };
  }, [source]);

  // React runs passive effects after the rendering is on the screen: those of one component in the order of its hooks, and
  // those of one rendering before the next. The queue renders the next frame in a later task, so no effect misses a frame.
  useEffect(() => {
    queueRef.current?.acknowledge(lastMessage);
  }, [lastMessage]);

  const status = useSourceStatus(source);
  return { isConnected: status.phase === "live", lastMessage };
}

interface RenderedFrame {
  readonly source: FrameSource;
  readonly frame: AnyFrame | null;
}

/** Run tasks with a `MessageChannel`: browsers delay timers, by 4 ms each and by a second in the background. */
function createTaskQueue(): { readonly schedule: (task: () => void) => void; readonly close: () => void } {
  const tasks: (() => void)[] = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    tasks.shift()?.();
  };
  return {
    schedule: (task) => {
      tasks.push(task);
      channel.port2.postMessage(null);
    },
    close: () => {
      channel.port1.close();
    },
  };
}

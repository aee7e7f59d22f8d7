/** The two ways frames come, behind one shape. */

import type { WebSocketLike } from "../runtime/environment.js";

export interface Opening {
  /** With the position, without the token. */
  readonly url: string;
  readonly token: string;
}

export interface Heard {
  readonly opened: () => void;
  /** One frame as text. */
  readonly frame: (text: string) => void;
  /** It is over; called once, and not after `close`. */
  readonly closed: (code: number, reason: string, retryAfterMs: number | null) => void;
}

export interface Transport {
  /** Does nothing where one can only listen. */
  send(text: string): void;
  close(): void;
}

const ORDERED = /retry_after_ms=(\d+)/;

/** Open a WebSocket; the token goes as a subprotocol, so that it is in no log of URLs. */
export function webSocketTransport(
  open: (url: string, protocols: readonly string[]) => WebSocketLike,
  { url, token }: Opening,
  heard: Heard,
): Transport {
  let isOver = false;
  const socket = open(url, ["bearer", token]);
  socket.addEventListener("open", () => {
    if (!isOver) {
      heard.opened();
    }
  });
  socket.addEventListener("message", ({ data }) => {
    if (!isOver && typeof data === "string") {
      heard.frame(data);
    }
  });
  socket.addEventListener("error", () => undefined); // `close` follows and says more
  socket.addEventListener("close", ({ code, reason }) => {
    if (!isOver) {
      isOver = true;
      const ordered = ORDERED.exec(reason)?.[1];
      heard.closed(code, reason, ordered === undefined ? null : Number(ordered));
    }
  });
  return {
    send: (text) => {
      socket.send(text);
    },
    close: () => {
      isOver = true;
      socket.close();
    },
  };
}

/** Frames over a WebSocket. */

import type { WebSocketLike } from "../runtime/environment.js";
import type { Transport, TransportHandlers, TransportRequest } from "./transport.js";

/** The gateway puts the delay into the close reason: a close frame has no other place for it. */
const RETRY_AFTER = /retry_after_ms=(\d+)/;

/** Open a WebSocket. The token is sent as a subprotocol, so that it appears in no log of URLs. */
export function openWebSocketTransport(
  openWebSocket: (url: string, protocols: readonly string[]) => WebSocketLike,
  { url, token }: TransportRequest,
  handlers: TransportHandlers,
): Transport {
  let isClosed = false;
  const socket = openWebSocket(url, ["bearer", token]);
  socket.addEventListener("open", () => {
    if (!isClosed) {
      handlers.onOpen();
    }
  });
  socket.addEventListener("message", ({ data }) => {
    if (!isClosed && typeof data === "string") {
      handlers.onFrame(data);
    }
  });
  socket.addEventListener("error", () => undefined); // `close` follows and tells more
  socket.addEventListener("close", ({ code, reason }) => {
    if (!isClosed) {
      isClosed = true;
      const retryAfterMs = RETRY_AFTER.exec(reason)?.[1];
      handlers.onClose(code, reason, retryAfterMs === undefined ? null : Number(retryAfterMs));
    }
  });
  return {
    send: (text) => {
      socket.send(text);
    },
    close: () => {
      isClosed = true;
      socket.close();
    },
  };
}

/** What WebSocket and server-sent events have in common. */

export interface TransportRequest {
  /** The URL with the position to resume from, without the token. */
  readonly url: string;
  readonly token: string;
}

export interface TransportHandlers {
  readonly onOpen: () => void;
  /** One frame as text. */
  readonly onFrame: (text: string) => void;
  /** The connection ended. Called at most once, and not after `close()`. */
  readonly onClose: (code: number, reason: string, retryAfterMs: number | null) => void;
}

export interface Transport {
  /** Send text; does nothing if the transport can only receive. */
  send(text: string): void;
  close(): void;
}

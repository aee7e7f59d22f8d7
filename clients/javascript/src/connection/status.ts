/** What a person is told about the connection. */

export type Phase = "connecting" | "live" | "offline" | "stopped";

/** Why nothing more is tried. */
export type StopReason =
  /** `stop()` was called, or `start()` was not yet. */
  | "stopped"
  /** There is no token to be had: sign in again. */
  | "signed_out"
  /** The token is another user's (4003). */
  | "forbidden"
  /** The server did not understand this client (4400). */
  | "refused";

export interface ConnectionStatus {
  readonly phase: Phase;
  /** Where it is `stopped`: why. */
  readonly reason: StopReason | null;
  /** What the server said when it closed last, for logs. */
  readonly detail: string | null;
  /** When the next attempt is made, milliseconds since 1970; `null` while none is waited for. */
  readonly retryAt: number | null;
  readonly transport: "websocket" | "sse";
}

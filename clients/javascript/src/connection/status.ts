/** The public status of the connection. */

export type Phase = "connecting" | "live" | "offline" | "stopped";

/** Why the client does not try to connect. */
export type StopReason =
  /** `stop()` was called, or `start()` was not called yet. */
  | "stopped"
  /** There is no token, or the server refused two in a row: the user has to sign in. */
  | "signed_out"
  /** The token belongs to another user (close code 4003). */
  | "forbidden"
  /** The server did not understand this client (close code 4400). */
  | "refused";

export interface ConnectionStatus {
  readonly phase: Phase;
  /** Why the phase is `stopped`; else `null`. */
  readonly reason: StopReason | null;
  /** Why the last connection ended, for logs. */
  readonly detail: string | null;
  /** When the next attempt is due, in milliseconds since 1970; `null` if none is scheduled. */
  readonly retryAt: number | null;
  readonly transport: "websocket" | "sse";
}

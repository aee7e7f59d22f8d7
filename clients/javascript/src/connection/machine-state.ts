/** What the state machine of connection.ts is made of: states, events and effects. */

import type { Phase, StopReason } from "./status.js";
import type { AnyFrame } from "../protocol/types.js";

export type TransportName = "websocket" | "sse";

/** What may be waited for; setting one again replaces it. */
export type TimerName =
  /** Come back. */
  | "retry"
  /** A token, a connection or a `hello` takes too long. */
  | "opening"
  /** Nothing was heard. */
  | "watchdog"
  /** The answer to a `ping` that was sent to find out. */
  | "probe"
  /** The token ends soon. */
  | "renew";

/** What becomes of the network and of the page; see `Environment.watch`. */
export type PageEvent = "online" | "offline" | "visible" | "hidden" | "frozen" | "resumed";

export interface ConnectionState {
  readonly phase: Phase;
  readonly reason: StopReason | null;
  readonly detail: string | null;
  readonly step: "idle" | "token" | "opening" | "greeting" | "live" | "waiting";
  /** Counts connections: what comes from an earlier one is passed over. */
  readonly attempt: number;
  readonly transport: TransportName;
  /** Attempts in a row that failed. */
  readonly failures: number;
  /** WebSockets in a row that were lost before `hello`. */
  readonly unheard: number;
  /** Tokens in a row that were refused. */
  readonly refusals: number;
  readonly online: boolean;
  /** When `hello` came, when the last frame did, and when event streams took over; milliseconds since 1970. */
  readonly liveSince: number;
  readonly lastHeard: number;
  readonly fallenBackAt: number;
  readonly heartbeatMs: number;
  readonly retryAt: number | null;
  /** Before this the server does not want anybody back, milliseconds since 1970: nothing but a person shortens that. */
  readonly notBefore: number;
}

export type ConnectionEvent =
  | { readonly type: "start"; readonly online: boolean }
  | { readonly type: "stop" }
  /** A token was had; `expiresAt` in milliseconds since 1970, `null` where that is not known. */
  | { readonly type: "token"; readonly attempt: number; readonly expiresAt: number | null }
  | { readonly type: "noToken"; readonly attempt: number }
  | { readonly type: "tokenFailed"; readonly attempt: number; readonly detail: string }
  | { readonly type: "renewed"; readonly attempt: number; readonly expiresAt: number | null }
  | { readonly type: "opened"; readonly attempt: number }
  | { readonly type: "frame"; readonly attempt: number; readonly frame: AnyFrame }
  /** Something was lost on this connection. */
  | { readonly type: "broken"; readonly attempt: number }
  | {
      readonly type: "closed";
      readonly attempt: number;
      readonly code: number;
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  | { readonly type: "timer"; readonly name: TimerName }
  | { readonly type: PageEvent | "reconnect" };

export type Effect =
  | { readonly type: "getToken"; readonly attempt: number; readonly reason: "start" | "refused" }
  /** Get another token and answer `renewed`. */
  | { readonly type: "renewToken"; readonly attempt: number }
  | { readonly type: "open"; readonly attempt: number; readonly transport: TransportName }
  /** Send the token that was renewed. */
  | { readonly type: "authenticate" }
  | { readonly type: "ping" }
  | { readonly type: "close" }
  | { readonly type: "setTimer"; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: "cancelTimer"; readonly name: TimerName };

/** What the machine may know beside its state. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** At least 0, less than 1. */
  readonly random: number;
  /** See `InboxClientOptions.sseAfterFailures`. */
  readonly sseAfterFailures: number;
}

export type Outcome = readonly [ConnectionState, readonly Effect[]];

/** Of a server that does not say. */
export const HEARTBEAT_MS = 20_000;

export const initialConnection: ConnectionState = {
  phase: "stopped",
  reason: "stopped",
  detail: null,
  step: "idle",
  attempt: 0,
  transport: "websocket",
  failures: 0,
  unheard: 0,
  refusals: 0,
  online: true,
  liveSince: 0,
  lastHeard: 0,
  fallenBackAt: 0,
  heartbeatMs: HEARTBEAT_MS,
  retryAt: null,
  notBefore: 0,
};

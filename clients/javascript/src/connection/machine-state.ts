/** The states, events and effects of the connection's state machine. */

import type { AnyFrame } from "../protocol/types.js";
import type { LifecycleEvent } from "../runtime/environment.js";
import type { Phase, StopReason } from "./status.js";

export type TransportName = "websocket" | "sse";

/** The timers of a connection. Setting a timer again replaces it. */
export type TimerName =
  /** The next attempt is due. */
  | "retry"
  /** A token, a connection or a `hello` takes too long. */
  | "connectTimeout"
  /** Check whether frames still arrive. */
  | "heartbeatCheck"
  /** The reply to a `ping` is overdue. */
  | "pingTimeout"
  /** The token expires soon. */
  | "tokenRenewal";

/** How far the current attempt is. */
export type Step =
  /** No attempt: the phase is `stopped` or `offline`. */
  | "idle"
  | "fetchingToken"
  | "opening"
  /** The transport is open, `hello` has not arrived. */
  | "awaitingHello"
  | "live"
  /** The next attempt is scheduled. */
  | "waiting";

export interface ConnectionState {
  readonly phase: Phase;
  readonly reason: StopReason | null;
  readonly detail: string | null;
  readonly step: Step;
  /** Number of the current attempt. Events of earlier attempts are ignored. */
  readonly attempt: number;
  readonly transport: TransportName;
  /** Failed attempts in a row. */
  readonly failures: number;
  /** WebSockets in a row that failed before `hello`. */
  readonly websocketFailures: number;
  /** Tokens in a row that the server refused. */
  readonly tokenRefusals: number;
  readonly isOnline: boolean;
  /** When `hello` arrived, the last frame arrived, and SSE replaced WebSocket; all in milliseconds since 1970. */
  readonly liveSince: number;
  readonly lastFrameAt: number;
  readonly fallbackAt: number;
  readonly heartbeatMs: number;
  readonly retryAt: number | null;
  /** The server asked for no attempt before this time, milliseconds since 1970. Only `reconnect()` overrides it. */
  readonly retryNotBefore: number;
}

export type ConnectionEvent =
  | { readonly type: "start"; readonly isOnline: boolean }
  | { readonly type: "stop" }
  /** A token is available; `expiresAt` in milliseconds since 1970, `null` if unknown. */
  | { readonly type: "tokenReceived"; readonly attempt: number; readonly expiresAt: number | null }
  | { readonly type: "tokenMissing"; readonly attempt: number }
  | { readonly type: "tokenFailed"; readonly attempt: number; readonly detail: string }
  | { readonly type: "tokenRenewed"; readonly attempt: number; readonly expiresAt: number | null }
  | { readonly type: "opened"; readonly attempt: number }
  | { readonly type: "frame"; readonly attempt: number; readonly frame: AnyFrame }
  /** A frame is missing or unreadable: this connection cannot be continued. */
  | { readonly type: "outOfSync"; readonly attempt: number }
  | {
      readonly type: "closed";
      readonly attempt: number;
      readonly code: number;
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  | { readonly type: "timer"; readonly name: TimerName }
  | { readonly type: LifecycleEvent | "reconnect" };

export type Effect =
  | { readonly type: "fetchToken"; readonly attempt: number; readonly reason: "start" | "refused" }
  /** Get another token and report `tokenRenewed`. */
  | { readonly type: "renewToken"; readonly attempt: number }
  | { readonly type: "open"; readonly attempt: number; readonly transport: TransportName }
  /** Send the renewed token over the open connection. */
  | { readonly type: "authenticate" }
  | { readonly type: "sendPing" }
  | { readonly type: "close" }
  | { readonly type: "setTimer"; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: "cancelTimer"; readonly name: TimerName };

/** The inputs of a transition besides state and event. */
export interface TransitionContext {
  /** The wall clock: milliseconds since 1970. */
  readonly now: number;
  /** At least 0, less than 1. */
  readonly random: number;
  /** See `InboxClientOptions.sseAfterFailures`. */
  readonly sseAfterFailures: number;
}

/** The next state, and the effects to carry out. */
export type Transition = readonly [ConnectionState, readonly Effect[]];

/** The heartbeat interval of a server that announces none. */
export const DEFAULT_HEARTBEAT_MS = 20_000;

export const initialConnectionState: ConnectionState = {
  phase: "stopped",
  reason: "stopped",
  detail: null,
  step: "idle",
  attempt: 0,
  transport: "websocket",
  failures: 0,
  websocketFailures: 0,
  tokenRefusals: 0,
  isOnline: true,
  liveSince: 0,
  lastFrameAt: 0,
  fallbackAt: 0,
  heartbeatMs: DEFAULT_HEARTBEAT_MS,
  retryAt: null,
  retryNotBefore: 0,
};

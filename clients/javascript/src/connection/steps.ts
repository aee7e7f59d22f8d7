/** The steps of a connection: what starting, waiting, ending and losing it means for the state. Pure. */

import { backoff } from "../runtime/backoff.js";
import type { ConnectionState, Effect, Transition, TransitionContext } from "./machine-state.js";
import type { StopReason } from "./status.js";

const TOKEN_TIMEOUT_MS = 30_000;
/** A connection that stayed live for this long resets the backoff. */
const STABLE_AFTER_MS = 10_000;
const RETRY_WEBSOCKET_AFTER_MS = 300_000;
const RENEW_BEFORE_EXPIRY_MS = 60_000;
const MIN_RENEWAL_DELAY_MS = 5_000;

const TIMERS = ["retry", "connectTimeout", "heartbeatCheck", "pingTimeout", "tokenRenewal"] as const;
const CANCEL_ALL_TIMERS: readonly Effect[] = TIMERS.map((name) => ({ type: "cancelTimer", name }));

/** Start an attempt, or go offline if there is no network. */
export function connect(state: ConnectionState): Transition {
  if (!state.isOnline) {
    return disconnect(state, "offline");
  }
  const attempt = state.attempt + 1;
  return [
    { ...state, phase: "connecting", reason: null, step: "fetchingToken", attempt, retryAt: null, retryNotBefore: 0 },
    [
      ...CANCEL_ALL_TIMERS,
      { type: "close" },
      { type: "setTimer", name: "connectTimeout", afterMs: TOKEN_TIMEOUT_MS },
      { type: "fetchToken", attempt, reason: state.tokenRefusals > 0 ? "refused" : "start" },
    ],
  ];
}

/** Close the connection, and start the next attempt after `afterMs`. */
export function scheduleRetry(state: ConnectionState, afterMs: number, context: TransitionContext): Transition {
  const attempt = state.attempt + 1;
  return [
    { ...state, phase: "connecting", step: "waiting", attempt, retryAt: context.now + afterMs },
    [...CANCEL_ALL_TIMERS, { type: "close" }, { type: "setTimer", name: "retry", afterMs }],
  ];
}

/** Close the connection, and start no other attempt. */
export function disconnect(
  state: ConnectionState,
  phase: "offline" | "stopped",
  reason: StopReason | null = null,
): Transition {
  return [
    { ...state, phase, reason, step: "idle", attempt: state.attempt + 1, retryAt: null },
    [...CANCEL_ALL_TIMERS, { type: "close" }],
  ];
}

export interface LossOptions {
  /** Whether the network may block this kind of transport. */
  readonly mayBeBlocked?: boolean;
  /** The minimum delay that the server asks for, in milliseconds. */
  readonly retryAfterMs?: number | null;
}

/** The connection was lost or given up: schedule the next attempt, with the other transport if this one seems blocked. */
export function connectionLost(
  before: ConnectionState,
  detail: string,
  context: TransitionContext,
  { mayBeBlocked = false, retryAfterMs = null }: LossOptions = {},
): Transition {
  const state = { ...resetBackoffIfStable(before, context), detail };
  const next = {
    ...chooseTransport(state, context, mayBeBlocked && before.step !== "live"),
    failures: state.failures + 1,
    retryNotBefore: retryAfterMs === null ? 0 : context.now + retryAfterMs,
  };
  return scheduleRetry(next, Math.max(retryAfterMs ?? 0, backoff(state.failures, context.random)), context);
}

/** Forget earlier failures if this connection was stable. */
export function resetBackoffIfStable(state: ConnectionState, context: TransitionContext): ConnectionState {
  return isStable(state, context) ? { ...state, failures: 0 } : state;
}

export function isStable(state: ConnectionState, context: TransitionContext): boolean {
  return state.step === "live" && context.now - state.liveSince >= STABLE_AFTER_MS;
}

/** Renew the token a minute before it expires. */
export function scheduleRenewal(expiresAt: number | null, now: number): readonly Effect[] {
  if (expiresAt === null) {
    return [{ type: "cancelTimer", name: "tokenRenewal" }];
  }
  const remainingMs = expiresAt - now;
  const afterMs = Math.max(remainingMs - RENEW_BEFORE_EXPIRY_MS, remainingMs / 2, MIN_RENEWAL_DELAY_MS);
  return [{ type: "setTimer", name: "tokenRenewal", afterMs }];
}

/** Fall back to SSE after several WebSockets in a row failed before `hello`, and return to WebSocket after SSE failed or
 * worked for a while: the network may be another one by then.
 */
function chooseTransport(
  state: ConnectionState,
  context: TransitionContext,
  failedBeforeHello: boolean,
): ConnectionState {
  const limit = context.sseAfterFailures;
  if (limit === 0) {
    return state;
  }
  if (state.transport === "websocket") {
    const websocketFailures = state.websocketFailures + (failedBeforeHello ? 1 : 0);
    return websocketFailures >= limit
      ? { ...state, websocketFailures, transport: "sse", fallbackAt: context.now }
      : { ...state, websocketFailures };
  }
  const isRetryDue = failedBeforeHello || context.now - state.fallbackAt >= RETRY_WEBSOCKET_AFTER_MS;
  return isRetryDue ? { ...state, transport: "websocket", websocketFailures: limit - 1 } : state;
}

/** The connection as a pure state machine: state, event and context in; next state and effects out. */

import type { AnyFrame, HelloFrame } from "../protocol/types.js";
import { backoff } from "../runtime/backoff.js";
import {
  DEFAULT_HEARTBEAT_MS,
  type ConnectionEvent,
  type ConnectionState,
  type TimerName,
  type Transition,
  type TransitionContext,
} from "./machine-state.js";
import {
  connect,
  connectionLost,
  disconnect,
  isStable,
  resetBackoffIfStable,
  scheduleRenewal,
  scheduleRetry,
} from "./steps.js";

const OPEN_TIMEOUT_MS = 15_000;
/** While the store is unavailable, the gateway keeps connections waiting: a missing `hello` does not mean a dead one. */
const HELLO_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 5_000;
/** A connection without frames for this many heartbeat intervals is dead. */
const MAX_SILENT_HEARTBEATS = 2.5;
const CHECKS_PER_HEARTBEAT = 2;
const TOO_MANY_CONNECTIONS_DELAY_MS = 60_000;

/** Return the state after `event`, and the effects to carry out in order. */
export function transition(state: ConnectionState, event: ConnectionEvent, context: TransitionContext): Transition {
  if ("attempt" in event && (event.attempt !== state.attempt || state.step === "idle")) {
    return [state, []];
  }
  switch (event.type) {
    case "start":
      return state.phase === "stopped"
        ? connect({ ...state, failures: 0, tokenRefusals: 0, isOnline: event.isOnline })
        : [state, []];
    case "stop":
      return disconnect(state, "stopped", "stopped");
    case "reconnect":
      return state.step === "waiting" || state.step === "idle"
        ? connect({ ...state, failures: 0, tokenRefusals: 0, isOnline: true })
        : [state, []];
    case "online":
    case "visible":
    case "resumed":
      return onReturn(event.type === "online" ? { ...state, isOnline: true } : state, context);
    case "offline":
      return state.phase === "stopped"
        ? [{ ...state, isOnline: false }, []]
        : disconnect({ ...state, isOnline: false }, "offline");
    case "frozen":
      return onFrozen(state, context);
    case "hidden":
      return [state, []];
    case "timer":
      return onTimer(state, event.name, context);
    case "closed":
      return onClosed(state, event, context);
    case "outOfSync":
      return connectionLost(state, "a frame is missing", context);
    case "frame":
      return onFrame({ ...state, lastFrameAt: context.now }, event.frame, context);
    default:
      return onProgress(state, event, context);
  }
}

type ProgressEvent = Extract<
  ConnectionEvent,
  { type: "tokenReceived" | "tokenMissing" | "tokenFailed" | "tokenRenewed" | "opened" }
>;

function onProgress(state: ConnectionState, event: ProgressEvent, context: TransitionContext): Transition {
  switch (event.type) {
    case "tokenReceived":
      return state.step !== "fetchingToken"
        ? [state, []]
        : [
            { ...state, step: "opening" },
            [
              { type: "setTimer", name: "connectTimeout", afterMs: OPEN_TIMEOUT_MS },
              ...scheduleRenewal(event.expiresAt, context.now),
              { type: "open", attempt: state.attempt, transport: state.transport },
            ],
          ];
    case "tokenMissing":
      return disconnect(state, "stopped", "signed_out");
    case "tokenFailed":
      return state.step === "fetchingToken" ? connectionLost(state, event.detail, context) : [state, []];
    case "tokenRenewed":
      // SSE cannot send the new token: the stream ends when its token expires, and the next one uses the new token.
      return state.transport === "websocket" && state.step === "live"
        ? [state, [{ type: "authenticate" }, ...scheduleRenewal(event.expiresAt, context.now)]]
        : [state, []];
    case "opened":
      return state.step !== "opening"
        ? [state, []]
        : [
            { ...state, step: "awaitingHello" },
            [{ type: "setTimer", name: "connectTimeout", afterMs: HELLO_TIMEOUT_MS }],
          ];
  }
}

function onFrame(state: ConnectionState, frame: AnyFrame, context: TransitionContext): Transition {
  if (frame.type !== "hello" || state.step === "live") {
    return [state, []];
  }
  const announcedMs = (frame as HelloFrame).data.heartbeat_seconds * 1000;
  const heartbeatMs = announcedMs > 0 ? announcedMs : DEFAULT_HEARTBEAT_MS;
  const next: ConnectionState = {
    ...state,
    phase: "live",
    detail: null,
    step: "live",
    websocketFailures: state.transport === "websocket" ? 0 : state.websocketFailures,
    tokenRefusals: 0,
    liveSince: context.now,
    heartbeatMs,
  };
  return [
    next,
    [
      { type: "cancelTimer", name: "connectTimeout" },
      { type: "setTimer", name: "heartbeatCheck", afterMs: heartbeatMs / CHECKS_PER_HEARTBEAT },
    ],
  ];
}

function onTimer(state: ConnectionState, name: TimerName, context: TransitionContext): Transition {
  switch (name) {
    case "retry":
      return state.step === "waiting" ? connect(state) : [state, []];
    case "connectTimeout":
      return connectionLost(state, "connecting timed out", context, { mayBeBlocked: state.step !== "fetchingToken" });
    case "tokenRenewal":
      return state.step === "live" || state.step === "awaitingHello"
        ? [state, [{ type: "renewToken", attempt: state.attempt }]]
        : [state, []];
    case "pingTimeout":
      return state.step === "live" && context.now - state.lastFrameAt >= PING_TIMEOUT_MS
        ? connectionLost(state, "no reply to a ping", context)
        : [state, []];
    case "heartbeatCheck":
      return state.step === "live" ? onHeartbeatCheck(state, context) : [state, []];
  }
}

/** Check often: timers stop while a machine sleeps, so one long timer would notice a dead connection late. */
function onHeartbeatCheck(state: ConnectionState, context: TransitionContext): Transition {
  const lastFrameAt = Math.min(state.lastFrameAt, context.now); // the clock may have been set back
  const remainingMs = lastFrameAt + state.heartbeatMs * MAX_SILENT_HEARTBEATS - context.now;
  const afterMs = Math.min(remainingMs, state.heartbeatMs / CHECKS_PER_HEARTBEAT);
  return remainingMs <= 0
    ? connectionLost(state, "no heartbeat", context)
    : [{ ...state, lastFrameAt }, [{ type: "setTimer", name: "heartbeatCheck", afterMs }]];
}

/** The network or the page came back: retry now if an attempt is scheduled, and test a connection that seems live. */
function onReturn(state: ConnectionState, context: TransitionContext): Transition {
  const isBackOnline = state.phase === "offline" && state.isOnline;
  if (state.step === "waiting" || isBackOnline) {
    const remainingMs = state.retryNotBefore - context.now;
    if (remainingMs <= 0) {
      return connect(isBackOnline ? { ...state, failures: 0 } : state);
    }
    return isBackOnline ? scheduleRetry(state, remainingMs, context) : [state, []];
  }
  if (state.step !== "live") {
    return [state, []];
  }
  if (context.now - state.lastFrameAt >= state.heartbeatMs * MAX_SILENT_HEARTBEATS) {
    return connectionLost(state, "no heartbeat", context);
  }
  return state.transport === "websocket"
    ? [state, [{ type: "sendPing" }, { type: "setTimer", name: "pingTimeout", afterMs: PING_TIMEOUT_MS }]]
    : [state, []];
}

/** The browser stops the page. An open connection would die unnoticed, and would keep the page out of the back-forward
 * cache, so close it. The retry timer reconnects even if no `resumed` event follows.
 */
function onFrozen(state: ConnectionState, context: TransitionContext): Transition {
  return state.step === "idle" || state.step === "waiting"
    ? [state, []]
    : scheduleRetry(resetBackoffIfStable(state, context), backoff(state.failures, context.random), context);
}

function onClosed(
  state: ConnectionState,
  event: Extract<ConnectionEvent, { type: "closed" }>,
  context: TransitionContext,
): Transition {
  const { code, reason, retryAfterMs } = event;
  const detail = `${String(code)} ${reason}`.trim();
  switch (code) {
    case 4003:
      return disconnect({ ...state, detail }, "stopped", "forbidden");
    case 4400:
      return disconnect({ ...state, detail }, "stopped", "refused");
    case 4001:
      return onTokenRefused({ ...state, tokenRefusals: state.tokenRefusals + 1, detail }, detail, context);
    case 4009:
      return connectionLost(state, detail, context, {
        retryAfterMs: retryAfterMs ?? TOO_MANY_CONNECTIONS_DELAY_MS * (1 + context.random / 10),
      });
    default: {
      const isFromGateway = code >= 4000 || (code === 1012 && retryAfterMs !== null);
      return connectionLost(state, detail, context, { mayBeBlocked: !isFromGateway, retryAfterMs });
    }
  }
}

/** The server refused the token: get another one at once. If tokens are accepted but refused soon after, back off. */
function onTokenRefused(state: ConnectionState, detail: string, context: TransitionContext): Transition {
  if (state.step === "live" && !isStable(state, context)) {
    return connectionLost(state, detail, context);
  }
  return state.tokenRefusals === 1
    ? connect(resetBackoffIfStable(state, context))
    : disconnect(state, "stopped", "signed_out");
}

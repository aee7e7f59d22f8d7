/** The connection as a pure state machine: (state, event, now, chance) to state and effects. It does nothing itself. */

import { backoff } from "../runtime/backoff.js";
import {
  HEARTBEAT_MS,
  type Circumstances,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
  type Outcome,
  type TimerName,
} from "./machine-state.js";
import type { StopReason } from "./status.js";
import type { AnyFrame, HelloFrame } from "../protocol/types.js";

const TOKEN_TIMEOUT_MS = 30_000;
const OPENING_TIMEOUT_MS = 15_000;
/** While the store is away a gateway keeps sockets waiting, so a missing `hello` is no proof of a dead one. */
const GREETING_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 5_000;
const MISSED_HEARTBEATS = 2.5;
const LOOKS_PER_HEARTBEAT = 2;
const RENEW_BEFORE_MS = 60_000;
const SHORTEST_RENEWAL_MS = 5_000;
/** A connection that was live for so long begins the back-off anew. */
const LASTING_MS = 10_000;
const TOO_MANY_SOCKETS_MS = 60_000;
const TRY_WEBSOCKET_AGAIN_MS = 300_000;

/** Return the state after `event`, and what has to be done. */
export function transition(state: ConnectionState, event: ConnectionEvent, at: Circumstances): Outcome {
  if ("attempt" in event && (event.attempt !== state.attempt || state.step === "idle")) {
    return [state, []];
  }
  switch (event.type) {
    case "start":
      return state.phase === "stopped"
        ? begin({ ...state, failures: 0, refusals: 0, online: event.online })
        : [state, []];
    case "stop":
      return rest(state, "stopped", "stopped");
    case "reconnect":
      return state.step === "waiting" || state.step === "idle"
        ? begin({ ...state, failures: 0, refusals: 0, online: true })
        : [state, []];
    case "online":
    case "visible":
    case "resumed":
      return onReturn(event.type === "online" ? { ...state, online: true } : state, at);
    case "offline":
      return state.phase === "stopped"
        ? [{ ...state, online: false }, []]
        : rest({ ...state, online: false }, "offline");
    case "frozen":
      return onFreeze(state, at);
    case "hidden":
      return [state, []];
    case "timer":
      return onTimer(state, event.name, at);
    case "closed":
      return onClosed(state, event, at);
    case "broken":
      return lost(state, "something was missing", at);
    case "frame":
      return onFrame({ ...state, lastHeard: at.now }, event.frame, at);
    default:
      return onProgress(state, event, at);
  }
}

type Progress = Extract<ConnectionEvent, { type: "token" | "noToken" | "tokenFailed" | "renewed" | "opened" }>;

function onProgress(state: ConnectionState, event: Progress, at: Circumstances): Outcome {
  switch (event.type) {
    case "token":
      return state.step !== "token"
        ? [state, []]
        : [
            { ...state, step: "opening" },
            [
              { type: "setTimer", name: "opening", afterMs: OPENING_TIMEOUT_MS },
              ...renewal(event.expiresAt, at.now),
              { type: "open", attempt: state.attempt, transport: state.transport },
            ],
          ];
    case "noToken":
      return rest(state, "stopped", "signed_out");
    case "tokenFailed":
      return state.step === "token" ? lost(state, event.detail, at) : [state, []];
    case "renewed":
      // An event stream cannot be told: it ends with its token, and the next one begins with the new one.
      return state.transport === "websocket" && state.step === "live"
        ? [state, [{ type: "authenticate" }, ...renewal(event.expiresAt, at.now)]]
        : [state, []];
    case "opened":
      return state.step !== "opening"
        ? [state, []]
        : [{ ...state, step: "greeting" }, [{ type: "setTimer", name: "opening", afterMs: GREETING_TIMEOUT_MS }]];
  }
}

function onFrame(state: ConnectionState, frame: AnyFrame, at: Circumstances): Outcome {
  if (frame.type !== "hello" || state.step === "live") {
    return [state, []];
  }
  const said = (frame as HelloFrame).data.heartbeat_seconds * 1000;
  const heartbeatMs = said > 0 ? said : HEARTBEAT_MS;
  const next: ConnectionState = {
    ...state,
    phase: "live",
    detail: null,
    step: "live",
    unheard: state.transport === "websocket" ? 0 : state.unheard,
    refusals: 0,
    liveSince: at.now,
    heartbeatMs,
  };
  return [
    next,
    [
      { type: "cancelTimer", name: "opening" },
      { type: "setTimer", name: "watchdog", afterMs: heartbeatMs / LOOKS_PER_HEARTBEAT },
    ],
  ];
}

function onTimer(state: ConnectionState, name: TimerName, at: Circumstances): Outcome {
  switch (name) {
    case "retry":
      return state.step === "waiting" ? begin(state) : [state, []];
    case "opening":
      return lost(state, "it took too long to connect", at, { isSilent: state.step !== "token" });
    case "renew":
      return state.step === "live" || state.step === "greeting"
        ? [state, [{ type: "renewToken", attempt: state.attempt }]]
        : [state, []];
    case "probe":
      return state.step === "live" && at.now - state.lastHeard >= PROBE_TIMEOUT_MS
        ? lost(state, "nothing was answered", at)
        : [state, []];
    case "watchdog":
      return state.step === "live" ? onLook(state, at) : [state, []];
  }
}

/** The watchdog looks often: timers stand still while a machine sleeps, so one long one would notice that late. */
function onLook(state: ConnectionState, at: Circumstances): Outcome {
  const lastHeard = Math.min(state.lastHeard, at.now); // the clock may have been set back
  const left = lastHeard + state.heartbeatMs * MISSED_HEARTBEATS - at.now;
  const afterMs = Math.min(left, state.heartbeatMs / LOOKS_PER_HEARTBEAT);
  return left <= 0
    ? lost(state, "nothing was heard", at)
    : [{ ...state, lastHeard }, [{ type: "setTimer", name: "watchdog", afterMs }]];
}

/** The network or the page came back: what was waited for is tried now, and what seems to be live has to prove it. */
function onReturn(state: ConnectionState, at: Circumstances): Outcome {
  const isBack = state.phase === "offline" && state.online;
  if (state.step === "waiting" || isBack) {
    const left = state.notBefore - at.now;
    return left <= 0 ? begin(isBack ? { ...state, failures: 0 } : state) : isBack ? wait(state, left, at) : [state, []];
  }
  if (state.step !== "live") {
    return [state, []];
  }
  if (at.now - state.lastHeard >= state.heartbeatMs * MISSED_HEARTBEATS) {
    return lost(state, "nothing was heard", at);
  }
  return state.transport === "websocket"
    ? [state, [{ type: "ping" }, { type: "setTimer", name: "probe", afterMs: PROBE_TIMEOUT_MS }]]
    : [state, []];
}

/** The page stops running: a connection would be lost unnoticed, and keeps a browser from holding the page ready. Should
 * nobody say that it goes on, the timer does.
 */
function onFreeze(state: ConnectionState, at: Circumstances): Outcome {
  return state.step === "idle" || state.step === "waiting"
    ? [state, []]
    : wait(calmed(state, at), backoff(state.failures, at.random), at);
}

function onClosed(
  state: ConnectionState,
  event: Extract<ConnectionEvent, { type: "closed" }>,
  at: Circumstances,
): Outcome {
  const { code, reason, retryAfterMs } = event;
  const detail = `${String(code)} ${reason}`.trim();
  switch (code) {
    case 4003:
      return rest({ ...state, detail }, "stopped", "forbidden");
    case 4400:
      return rest({ ...state, detail }, "stopped", "refused");
    case 4001:
      return onRefused({ ...state, refusals: state.refusals + 1, detail }, detail, at);
    case 4009:
      return lost(state, detail, at, { orderedMs: retryAfterMs ?? TOO_MANY_SOCKETS_MS * (1 + at.random / 10) });
    default: {
      const isAnswer = code >= 4000 || (code === 1012 && retryAfterMs !== null);
      return lost(state, detail, at, { isSilent: !isAnswer, orderedMs: retryAfterMs });
    }
  }
}

/** The token was refused, or has ended. One that gets a `hello` and is refused again and again is no reason to hurry. */
function onRefused(state: ConnectionState, detail: string, at: Circumstances): Outcome {
  if (state.step === "live" && !hasLasted(state, at)) {
    return lost(state, detail, at);
  }
  return state.refusals === 1 ? begin(calmed(state, at)) : rest(state, "stopped", "signed_out");
}

interface Loss {
  /** Whether it may be because this kind of connection does not get through. */
  readonly isSilent?: boolean;
  /** How long the server wants us to stay away, at least. */
  readonly orderedMs?: number | null;
}

/** The connection is gone, or given up. */
function lost(before: ConnectionState, detail: string, at: Circumstances, loss: Loss = {}): Outcome {
  const { isSilent = false, orderedMs = null } = loss;
  const state = { ...calmed(before, at), detail };
  const next = {
    ...otherTransport(state, at, isSilent && before.step !== "live"),
    failures: state.failures + 1,
    notBefore: orderedMs === null ? 0 : at.now + orderedMs,
  };
  return wait(next, Math.max(orderedMs ?? 0, backoff(state.failures, at.random)), at);
}

/** A connection that has lasted makes up for the failures before it. */
function calmed(state: ConnectionState, at: Circumstances): ConnectionState {
  return hasLasted(state, at) ? { ...state, failures: 0 } : state;
}

function hasLasted(state: ConnectionState, at: Circumstances): boolean {
  return state.step === "live" && at.now - state.liveSince >= LASTING_MS;
}

function otherTransport(state: ConnectionState, at: Circumstances, isUnheard: boolean): ConnectionState {
  const limit = at.sseAfterFailures;
  if (limit === 0) {
    return state;
  }
  if (state.transport === "websocket") {
    const unheard = isUnheard ? state.unheard + 1 : state.unheard;
    return unheard >= limit ? { ...state, unheard, transport: "sse", fallenBackAt: at.now } : { ...state, unheard };
  }
  const isTimeToTry = isUnheard || at.now - state.fallenBackAt >= TRY_WEBSOCKET_AGAIN_MS;
  return isTimeToTry ? { ...state, transport: "websocket", unheard: limit - 1 } : state;
}

const QUIET: readonly Effect[] = (["retry", "opening", "watchdog", "probe", "renew"] as const).map((name) => ({
  type: "cancelTimer",
  name,
}));

function begin(state: ConnectionState): Outcome {
  if (!state.online) {
    return rest(state, "offline");
  }
  const attempt = state.attempt + 1;
  return [
    { ...state, phase: "connecting", reason: null, step: "token", attempt, retryAt: null, notBefore: 0 },
    [
      ...QUIET,
      { type: "close" },
      { type: "setTimer", name: "opening", afterMs: TOKEN_TIMEOUT_MS },
      { type: "getToken", attempt, reason: state.refusals > 0 ? "refused" : "start" },
    ],
  ];
}

function wait(state: ConnectionState, afterMs: number, at: Circumstances): Outcome {
  const attempt = state.attempt + 1;
  return [
    { ...state, phase: "connecting", step: "waiting", attempt, retryAt: at.now + afterMs },
    [...QUIET, { type: "close" }, { type: "setTimer", name: "retry", afterMs }],
  ];
}

function rest(state: ConnectionState, phase: "offline" | "stopped", reason: StopReason | null = null): Outcome {
  return [
    { ...state, phase, reason, step: "idle", attempt: state.attempt + 1, retryAt: null },
    [...QUIET, { type: "close" }],
  ];
}

function renewal(expiresAt: number | null, now: number): readonly Effect[] {
  if (expiresAt === null) {
    return [{ type: "cancelTimer", name: "renew" }];
  }
  const left = expiresAt - now;
  const afterMs = Math.max(left - RENEW_BEFORE_MS, left / 2, SHORTEST_RENEWAL_MS);
  return [{ type: "setTimer", name: "renew", afterMs }];
}

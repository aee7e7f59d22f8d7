/** The connection as a pure state machine: (state, event, now, chance) to state and effects. It does nothing itself. */

import { backoff } from "./backoff.js";
import type { Phase, StopReason } from "./status.js";
import type { AnyFrame, HelloFrame } from "./types.js";

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
  /** Whether the server said when to come back: nothing but a person shortens that. */
  readonly isOrdered: boolean;
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
  | { readonly type: "online" | "offline" | "visible" | "hidden" | "reconnect" };

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

const TOKEN_TIMEOUT_MS = 30_000;
const OPENING_TIMEOUT_MS = 15_000;
/** While the store is away a gateway keeps sockets waiting, so a missing `hello` is no proof of a dead one. */
const GREETING_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 5_000;
const MISSED_HEARTBEATS = 2.5;
const RENEW_BEFORE_MS = 60_000;
const SHORTEST_RENEWAL_MS = 5_000;
/** `setTimeout` cannot count further. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A connection that was live for so long begins the back-off anew. */
const LASTING_MS = 10_000;
const TOO_MANY_SOCKETS_MS = 60_000;
const TRY_WEBSOCKET_AGAIN_MS = 300_000;

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
  heartbeatMs: 20_000,
  retryAt: null,
  isOrdered: false,
};

/** Return the state after `event`, and what has to be done. */
export function transition(state: ConnectionState, event: ConnectionEvent, at: Circumstances): Outcome {
  if ("attempt" in event && (event.attempt !== state.attempt || state.step === "idle")) {
    return [state, []];
  }
  switch (event.type) {
    case "start":
      return state.phase === "stopped" ? begin({ ...state, failures: 0, refusals: 0, online: event.online }) : [state, []];
    case "stop":
      return rest(state, "stopped", "stopped");
    case "reconnect":
      return state.step === "waiting" || state.phase === "stopped" ? begin({ ...state, failures: 0 }) : [state, []];
    case "online":
    case "visible":
      return onReturn(event.type === "online" ? { ...state, online: true } : state, at);
    case "offline":
      return state.phase === "stopped" ? [{ ...state, online: false }, []] : rest({ ...state, online: false }, "offline");
    case "hidden":
      return [state, []];
    case "timer":
      return onTimer(state, event.name, at);
    case "closed":
      return onClosed(state, event, at);
    case "broken":
      return lost(state, "something was missing", at, { isSilent: false });
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
      return state.step === "token" ? lost(state, event.detail, at, { isSilent: false }) : [state, []];
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
  const heartbeatMs = (frame as HelloFrame).data.heartbeat_seconds * 1000;
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
      { type: "setTimer", name: "watchdog", afterMs: heartbeatMs * MISSED_HEARTBEATS },
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
        ? lost(state, "nothing was answered", at, { isSilent: false })
        : [state, []];
    case "watchdog": {
      if (state.step !== "live") {
        return [state, []];
      }
      const left = state.lastHeard + state.heartbeatMs * MISSED_HEARTBEATS - at.now;
      return left <= 0
        ? lost(state, "nothing was heard", at, { isSilent: false })
        : [state, [{ type: "setTimer", name: "watchdog", afterMs: left }]];
    }
  }
}

/** The network or the page came back: what was waited for is tried now, and what seems to be live has to prove it. */
function onReturn(state: ConnectionState, at: Circumstances): Outcome {
  if (state.phase === "offline" && state.online) {
    return begin({ ...state, failures: 0 });
  }
  if (state.step === "waiting" && !state.isOrdered) {
    return begin(state);
  }
  if (state.step !== "live") {
    return [state, []];
  }
  if (at.now - state.lastHeard >= state.heartbeatMs * MISSED_HEARTBEATS) {
    return lost(state, "nothing was heard", at, { isSilent: false });
  }
  return state.transport === "websocket"
    ? [state, [{ type: "ping" }, { type: "setTimer", name: "probe", afterMs: PROBE_TIMEOUT_MS }]]
    : [state, []];
}

function onClosed(state: ConnectionState, event: Extract<ConnectionEvent, { type: "closed" }>, at: Circumstances): Outcome {
  const { code, reason, retryAfterMs } = event;
  const detail = `${String(code)} ${reason}`.trim();
  switch (code) {
    case 4003:
      return rest({ ...state, detail }, "stopped", "forbidden");
    case 4400:
      return rest({ ...state, detail }, "stopped", "refused");
    case 4001: {
      const refused = { ...calmed(state, at), refusals: state.refusals + 1, detail };
      return refused.refusals === 1 ? begin(refused) : wait(refused, backoff(refused.failures, at.random), at);
    }
    case 4009:
      return wait({ ...state, detail }, retryAfterMs ?? TOO_MANY_SOCKETS_MS * (1 + at.random / 10), at, true);
    case 1012:
      return retryAfterMs === null
        ? lost(state, detail, at, { isSilent: false })
        : wait({ ...calmed(state, at), detail }, retryAfterMs, at, true);
    default:
      return lost(state, detail, at, { isSilent: code < 4000 });
  }
}

/** The connection is gone, or given up; `isSilent` where that may be because its kind does not get through. */
function lost(
  before: ConnectionState,
  detail: string,
  at: Circumstances,
  { isSilent }: { readonly isSilent: boolean },
): Outcome {
  const state = { ...calmed(before, at), detail };
  const isUnheard = isSilent && before.step !== "live";
  return wait(otherTransport(state, at, isUnheard), backoff(state.failures, at.random), at);
}

/** A connection that has lasted makes up for the failures before it. */
function calmed(state: ConnectionState, at: Circumstances): ConnectionState {
  return state.step === "live" && at.now - state.liveSince >= LASTING_MS ? { ...state, failures: 0 } : state;
}

function otherTransport(state: ConnectionState, at: Circumstances, isUnheard: boolean): ConnectionState {
  const limit = at.sseAfterFailures;
  if (limit === 0) {
    return state;
  }
  if (state.transport === "websocket") {
    const unheard = isUnheard ? state.unheard + 1 : state.unheard;
    return unheard >= limit
      ? { ...state, unheard, transport: "sse", fallenBackAt: at.now }
      : { ...state, unheard };
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
    { ...state, phase: "connecting", reason: null, step: "token", attempt, retryAt: null, isOrdered: false },
    [
      ...QUIET,
      { type: "close" },
      { type: "setTimer", name: "opening", afterMs: TOKEN_TIMEOUT_MS },
      { type: "getToken", attempt, reason: state.refusals > 0 ? "refused" : "start" },
    ],
  ];
}

function wait(state: ConnectionState, afterMs: number, at: Circumstances, isOrdered = false): Outcome {
  return [
    {
      ...state,
      phase: "connecting",
      step: "waiting",
      attempt: state.attempt + 1,
      failures: state.failures + 1,
      retryAt: at.now + afterMs,
      isOrdered,
    },
    [...QUIET, { type: "close" }, { type: "setTimer", name: "retry", afterMs }],
  ];
}

function rest(state: ConnectionState, phase: "offline" | "stopped", reason: StopReason | null = null): Outcome {
  return [
    { ...state, phase, reason, step: "idle", attempt: state.attempt + 1, retryAt: null, isOrdered: false },
    [...QUIET, { type: "close" }],
  ];
}

function renewal(expiresAt: number | null, now: number): readonly Effect[] {
  if (expiresAt === null) {
    return [{ type: "cancelTimer", name: "renew" }];
  }
  const left = expiresAt - now;
  const afterMs = Math.max(left - RENEW_BEFORE_MS, left / 2, SHORTEST_RENEWAL_MS);
  return [{ type: "setTimer", name: "renew", afterMs: Math.min(afterMs, LONGEST_TIMER_MS) }];
}

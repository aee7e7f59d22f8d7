/** Runs the state machine of machine.ts: timers, tokens and transports. */

import type { AnyFrame, ClientFrame } from "../protocol/types.js";
import type { Environment } from "../runtime/environment.js";
import { redactedMessage, toError } from "../runtime/errors.js";
import type { TokenCache } from "../runtime/token-cache.js";
import { connectionUrl, type ConnectionOptions, type ResumePosition } from "./endpoint.js";
import {
  initialConnectionState,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
  type TimerName,
  type TransportName,
} from "./machine-state.js";
import { transition } from "./machine.js";
import { Pinger } from "./pinger.js";
import { openSseTransport } from "./sse.js";
import type { ConnectionStatus } from "./status.js";
import type { Transport, TransportHandlers } from "./transport.js";
import { openWebSocketTransport } from "./websocket.js";

/** The callbacks of the owner, who tracks the position in the event log. */
export interface ConnectionHandlers {
  /** A new connection replaces the last one: return the position to resume from. */
  readonly onConnecting: () => ResumePosition;
  /** Handle a frame. Return `false` if a frame before it is missing: the connection is then replaced. */
  readonly onFrame: (frame: AnyFrame) => boolean;
  readonly onStatus: (status: ConnectionStatus) => void;
  /** The page is hidden or frozen, and the connection may end without notice: send what is due soon. */
  readonly onLeaving?: () => void;
  /** Something failed that will be retried. */
  readonly onError: (error: Error) => void;
}

export class LiveConnection {
  readonly #options: ConnectionOptions;
  readonly #tokens: TokenCache;
  readonly #environment: Environment;
  readonly #handlers: ConnectionHandlers;
  readonly #pinger: Pinger;
  readonly #timers = new Map<TimerName, () => void>();
  #state = initialConnectionState;
  #status = statusOf(initialConnectionState);
  #transport: Transport | null = null;
  /** The token of the current connection. */
  #token = "";
  #unwatch: (() => void) | null = null;

  constructor(options: ConnectionOptions, tokens: TokenCache, environment: Environment, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#tokens = tokens;
    this.#environment = environment;
    this.#handlers = handlers;
    this.#pinger = new Pinger(environment, () => {
      if (this.canSend) {
        this.#transport?.send("ping");
      }
    });
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Whether frames can be sent now: never over SSE. */
  get canSend(): boolean {
    return this.#state.step === "live" && this.#state.transport === "websocket";
  }

  start(): void {
    this.#unwatch ??= this.#environment.watchLifecycle((event) => {
      if (event === "hidden" || event === "frozen") {
        this.#handlers.onLeaving?.();
      }
      this.#dispatch({ type: event });
    });
    this.#dispatch({ type: "start", isOnline: this.#environment.isOnline() });
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#dispatch({ type: "stop" });
  }

  /** Connect now instead of at the scheduled time. */
  reconnect(): void {
    this.#dispatch({ type: "reconnect" });
  }

  /** Send a frame; returns whether the connection could send it. */
  send(frame: ClientFrame): boolean {
    if (this.canSend) {
      this.#transport?.send(JSON.stringify(frame));
    }
    return this.canSend;
  }

  /** Send the text `ping` every 30 s while live, until the returned function is called. */
  keepPinging(): () => void {
    return this.#pinger.start();
  }

  #dispatch(event: ConnectionEvent): void {
    const { now, random } = this.#environment;
    const context = { now: now(), random: random(), sseAfterFailures: this.#options.sseAfterFailures };
    const [state, effects] = transition(this.#state, event, context);
    this.#state = state;
    for (const effect of effects) {
      this.#run(effect);
    }
    const status = statusOf(this.#state);
    if (JSON.stringify(status) !== JSON.stringify(this.#status)) {
      this.#status = status;
      this.#handlers.onStatus(status);
    }
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "fetchToken":
        void this.#fetchToken(effect.attempt, effect.reason);
        break;
      case "renewToken":
        void this.#renewToken(effect.attempt);
        break;
      case "open":
        this.#open(effect.attempt, effect.transport);
        break;
      case "authenticate":
        this.send({ type: "auth", token: this.#token });
        break;
      case "sendPing":
        this.#transport?.send("ping");
        break;
      case "close":
        this.#transport?.close();
        this.#transport = null;
        break;
      case "setTimer":
        this.#cancelTimer(effect.name);
        this.#timers.set(
          effect.name,
          this.#environment.setTimer(effect.afterMs, () => {
            this.#timers.delete(effect.name);
            this.#dispatch({ type: "timer", name: effect.name });
          }),
        );
        break;
      case "cancelTimer":
        this.#cancelTimer(effect.name);
    }
  }

  #cancelTimer(name: TimerName): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  async #fetchToken(attempt: number, reason: "start" | "refused"): Promise<void> {
    try {
      const token =
        reason === "refused" ? await this.#tokens.replace(this.#token, "refused") : await this.#tokens.current();
      if (attempt !== this.#state.attempt) {
        return;
      }
      this.#token = token ?? "";
      const { expiresAt } = this.#tokens;
      this.#dispatch(
        token === null ? { type: "tokenMissing", attempt } : { type: "tokenReceived", attempt, expiresAt },
      );
    } catch (thrown) {
      this.#handlers.onError(toError(thrown));
      this.#dispatch({ type: "tokenFailed", attempt, detail: toError(thrown).message });
    }
  }

  async #renewToken(attempt: number): Promise<void> {
    let token: string | null = null;
    try {
      token = await this.#tokens.replace(this.#token, "expiring");
    } catch (thrown) {
      this.#handlers.onError(toError(thrown));
    }
    if (attempt === this.#state.attempt) {
      // If there is no new token yet, the old one is still valid and renewal is retried. An event stream keeps its token.
      this.#token = this.canSend ? (token ?? this.#token) : this.#token;
      this.#dispatch({ type: "tokenRenewed", attempt, expiresAt: this.#tokens.expiresAt });
    }
  }

  #open(attempt: number, transport: TransportName): void {
    const request = {
      url: connectionUrl(this.#options, transport, this.#handlers.onConnecting()),
      token: this.#token,
    };
    if (attempt !== this.#state.attempt) {
      return; // a listener of `onConnecting` stopped the client
    }
    const handlers: TransportHandlers = {
      onOpen: () => {
        this.#dispatch({ type: "opened", attempt });
      },
      onFrame: (text) => {
        this.#onText(attempt, text);
      },
      onClose: (code, reason, retryAfterMs) => {
        this.#dispatch({ type: "closed", attempt, code, reason: redactedMessage(reason, request.token), retryAfterMs });
      },
    };
    try {
      this.#transport =
        transport === "websocket"
          ? openWebSocketTransport(this.#environment.openWebSocket, request, handlers)
          : openSseTransport(this.#environment, request, handlers);
    } catch (thrown) {
      // The URL is not valid for a WebSocket, or there is no WebSocket here: SSE may work.
      handlers.onClose(1006, toError(thrown).message, null);
    }
  }

  #onText(attempt: number, text: string): void {
    const frame = parseFrame(text);
    if (frame === null || attempt !== this.#state.attempt) {
      return;
    }
    this.#dispatch(this.#isInSync(frame) ? { type: "frame", attempt, frame } : { type: "outOfSync", attempt });
  }

  /** Hand on a frame. One that cannot be handled counts as missing: it may be valid when it is sent again. */
  #isInSync(frame: AnyFrame): boolean {
    try {
      return this.#handlers.onFrame(frame);
    } catch (thrown) {
      this.#handlers.onError(toError(thrown));
      return false;
    }
  }
}

/** Return `null` for text that is not a frame. It is ignored like an unknown frame: a missing `seq` shows as a gap. */
function parseFrame(text: string): AnyFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null && "type" in frame && typeof frame.type === "string"
      ? (frame as AnyFrame)
      : null;
  } catch {
    return null;
  }
}

function statusOf({ phase, reason, detail, retryAt, transport }: ConnectionState): ConnectionStatus {
  return { phase, reason, detail, retryAt, transport };
}

/** The shell around the state machine of connection.ts: timers, tokens and sockets. */

import { initialConnection, type ConnectionEvent, type Effect, type TimerName } from "./machine-state.js";
import { transition } from "./machine.js";
import type { Environment } from "../runtime/environment.js";
import { asError, reasonOf } from "../runtime/errors.js";
import { eventStreamTransport } from "./sse.js";
import type { ConnectionStatus } from "./status.js";
import type { Tokens } from "../runtime/token-cache.js";
import { webSocketTransport, type Transport } from "./websocket.js";
import type { AnyFrame, ClientFrame } from "../protocol/types.js";

const PING_MS = 30_000;

/** Who follows the log: it knows the position, and what each frame means for it. */
export interface Follower {
  /** The last connection is gone and another one is opened: from where? */
  readonly connecting: () => { readonly after: number | null; readonly epoch: string | null };
  /** Take a frame; returns whether nothing is missing on this connection. */
  readonly frame: (frame: AnyFrame) => boolean;
  readonly status: (status: ConnectionStatus) => void;
  /** The page is hidden or stops running, and this connection may end with that: what is still to be said is said now. */
  readonly leaving?: () => void;
  readonly failed: (error: Error) => void;
}

export interface Place {
  readonly userId: string;
  /** `https://…`, without a slash at the end. */
  readonly pushUrl: string;
  readonly device: string | undefined;
  readonly sseAfterFailures: number;
}

export class LiveConnection {
  readonly #place: Place;
  readonly #tokens: Tokens;
  readonly #environment: Environment;
  readonly #follower: Follower;
  readonly #timers = new Map<TimerName, () => void>();
  #state = initialConnection;
  #status: ConnectionStatus = statusOf(initialConnection);
  #transport: Transport | null = null;
  #token = "";
  #unwatch: (() => void) | null = null;
  #pingers = 0;
  #cancelPing: (() => void) | null = null;

  constructor(place: Place, tokens: Tokens, environment: Environment, follower: Follower) {
    this.#place = place;
    this.#tokens = tokens;
    this.#environment = environment;
    this.#follower = follower;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Whether something can be said. */
  get canSend(): boolean {
    return this.#state.step === "live" && this.#state.transport === "websocket";
  }

  start(): void {
    this.#unwatch ??= this.#environment.watch((what) => {
      if (what === "hidden" || what === "frozen") {
        this.#follower.leaving?.();
      }
      this.#on({ type: what });
    });
    this.#on({ type: "start", online: this.#environment.isOnline() });
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#on({ type: "stop" });
  }

  reconnect(): void {
    this.#on({ type: "reconnect" });
  }

  /** Say something; returns whether it could be said. */
  send(frame: ClientFrame): boolean {
    if (this.canSend) {
      this.#transport?.send(JSON.stringify(frame));
    }
    return this.canSend;
  }

  /** Send the text `ping` every 30 s while it is live, until the function that this returns is called. */
  keepPinging(): () => void {
    this.#pingers += 1;
    this.#cancelPing ??= this.#pingLater();
    let isOver = false;
    return () => {
      this.#pingers -= isOver ? 0 : 1;
      isOver = true;
      if (this.#pingers === 0) {
        this.#cancelPing?.();
        this.#cancelPing = null;
      }
    };
  }

  #pingLater(): () => void {
    return this.#environment.after(PING_MS, () => {
      if (this.canSend) {
        this.#transport?.send("ping");
      }
      this.#cancelPing = this.#pingLater();
    });
  }

  #on(event: ConnectionEvent): void {
    const { now, random } = this.#environment;
    const at = { now: now(), random: random(), sseAfterFailures: this.#place.sseAfterFailures };
    const [state, effects] = transition(this.#state, event, at);
    this.#state = state;
    for (const effect of effects) {
      this.#do(effect);
    }
    const status = statusOf(this.#state);
    if (JSON.stringify(status) !== JSON.stringify(this.#status)) {
      this.#status = status;
      this.#follower.status(status);
    }
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case "getToken":
        void this.#getToken(effect.attempt, effect.reason);
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
      case "ping":
        this.#transport?.send("ping");
        break;
      case "close":
        this.#transport?.close();
        this.#transport = null;
        break;
      case "setTimer":
        this.#cancel(effect.name);
        this.#timers.set(
          effect.name,
          this.#environment.after(effect.afterMs, () => {
            this.#timers.delete(effect.name);
            this.#on({ type: "timer", name: effect.name });
          }),
        );
        break;
      case "cancelTimer":
        this.#cancel(effect.name);
    }
  }

  #cancel(name: TimerName): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  async #getToken(attempt: number, reason: "start" | "refused"): Promise<void> {
    try {
      const token =
        reason === "refused" ? await this.#tokens.replace(this.#token, "refused") : await this.#tokens.current();
      if (attempt !== this.#state.attempt) {
        return;
      }
      this.#token = token ?? "";
      const { expiresAt } = this.#tokens;
      this.#on(token === null ? { type: "noToken", attempt } : { type: "token", attempt, expiresAt });
    } catch (thrown) {
      this.#follower.failed(asError(thrown));
      this.#on({ type: "tokenFailed", attempt, detail: asError(thrown).message });
    }
  }

  async #renewToken(attempt: number): Promise<void> {
    let token: string | null = null;
    try {
      token = await this.#tokens.replace(this.#token, "expiring");
    } catch (thrown) {
      this.#follower.failed(asError(thrown));
    }
    if (attempt === this.#state.attempt) {
      // Without another one the old one is good for a while yet: it is tried again. A stream keeps the one it began with.
      this.#token = this.canSend ? (token ?? this.#token) : this.#token;
      this.#on({ type: "renewed", attempt, expiresAt: this.#tokens.expiresAt });
    }
  }

  #open(attempt: number, kind: "websocket" | "sse"): void {
    const opening = { url: this.#address(kind), token: this.#token };
    if (attempt !== this.#state.attempt) {
      return; // who was told of the new attempt has stopped it
    }
    const heard = {
      opened: () => {
        this.#on({ type: "opened", attempt });
      },
      frame: (text: string) => {
        this.#onText(attempt, text);
      },
      closed: (code: number, reason: string, retryAfterMs: number | null) => {
        this.#on({ type: "closed", attempt, code, reason: reasonOf(reason, opening.token), retryAfterMs });
      },
    };
    try {
      this.#transport =
        kind === "websocket"
          ? webSocketTransport(this.#environment.openWebSocket, opening, heard)
          : eventStreamTransport(this.#environment, opening, heard);
    } catch (thrown) {
      // An address that no WebSocket can have, or none in this browser: event streams may do.
      heard.closed(1006, asError(thrown).message, null);
    }
  }

  #address(kind: "websocket" | "sse"): string {
    const { pushUrl, userId, device } = this.#place;
    const { after, epoch } = this.#follower.connecting();
    const query = new URLSearchParams();
    if (after !== null && epoch !== null) {
      query.set("after", String(after));
      query.set("epoch", epoch);
    }
    if (device !== undefined) {
      query.set("client", device);
    }
    const base = kind === "websocket" ? `${pushUrl.replace(/^http/, "ws")}/ws` : `${pushUrl}/sse`;
    const said = query.toString();
    return `${base}/${encodeURIComponent(userId)}${said === "" ? "" : `?${said}`}`;
  }

  #onText(attempt: number, text: string): void {
    const frame = parsed(text);
    if (frame === null || attempt !== this.#state.attempt) {
      return;
    }
    this.#on(this.#isWhole(frame) ? { type: "frame", attempt, frame } : { type: "broken", attempt });
  }

  /** Whether nothing is missing after `frame`. One that makes no sense is as good as missing: it may be whole next time. */
  #isWhole(frame: AnyFrame): boolean {
    try {
      return this.#follower.frame(frame);
    } catch (thrown) {
      this.#follower.failed(asError(thrown));
      return false;
    }
  }
}

function parsed(text: string): AnyFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null && "type" in frame && typeof frame.type === "string"
      ? (frame as AnyFrame)
      : null;
  } catch {
    return null; // what cannot be read is what is not known: a hole in the numbers would show
  }
}

function statusOf(state: typeof initialConnection): ConnectionStatus {
  const { phase, reason, detail, retryAt, transport } = state;
  return { phase, reason, detail, retryAt, transport };
}

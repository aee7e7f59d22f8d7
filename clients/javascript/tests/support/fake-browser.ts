/** A browser for tests: its clock only moves when a test advances it, and the test plays the server. */

import type { Environment, LifecycleEvent, WebSocketLike } from "../../src/runtime/environment.js";
import type { Account, AnyFrame, Conversation, Message } from "../../src/protocol/types.js";
import { EPOCH } from "./objects.js";

type Listener = (event: never) => void;

export class FakeSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: string[] = [];
  isClosed = false;
  readonly #listeners = new Map<string, Listener>();

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.isClosed = true;
  }

  serverAccepts(): void {
    this.#dispatch("open", {});
  }

  serverSends(...frames: readonly AnyFrame[]): void {
    for (const frame of frames) {
      this.#dispatch("message", { data: JSON.stringify(frame) });
    }
  }

  serverCloses(code: number, reason = ""): void {
    this.isClosed = true;
    this.#dispatch("close", { code, reason });
  }

  #dispatch(type: string, event: object): void {
    this.#listeners.get(type)?.(event as never);
  }
}

/** What the REST API returns; `messages` by conversation. */
export interface ServerData {
  conversations: Conversation[];
  messages: Record<string, Message[]>;
  accounts: Account[];
  seq: number;
  epoch: string;
}

export class FakeBrowser {
  time = Date.parse("2026-11-22T10:00:00Z");
  random = 0;
  isOnline = true;
  /** Whether every request fails. */
  isDown = false;
  readonly sockets: FakeSocket[] = [];
  readonly requests: Request[] = [];
  readonly data: ServerData = { conversations: [], messages: {}, accounts: [], seq: 0, epoch: EPOCH };
  /** Responds instead of `data`, unless it returns `undefined`. */
  respond: (request: Request) => Response | Promise<Response> | undefined = () => undefined;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();
  readonly #watchers = new Set<(event: LifecycleEvent) => void>();

  readonly environment: Environment = {
    now: () => this.time,
    random: () => this.random,
    setTimer: (milliseconds, run) => {
      const timer = { at: this.time + milliseconds, run };
      this.#timers.add(timer);
      return () => {
        this.#timers.delete(timer);
      };
    },
    fetch: (input, init) => this.#fetch(new Request(input, init)),
    openWebSocket: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      this.sockets.push(socket);
      return socket;
    },
    isOnline: () => this.isOnline,
    watchLifecycle: (listener) => {
      this.#watchers.add(listener);
      return () => {
        this.#watchers.delete(listener);
      };
    },
    origin: () => "http://inbox.test",
  };

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) {
      throw new Error("no socket was opened");
    }
    return socket;
  }

  /** The number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  emit(event: LifecycleEvent): void {
    this.isOnline = event === "online" || (event !== "offline" && this.isOnline);
    for (const watcher of this.#watchers) {
      watcher(event);
    }
  }

  /** Advance the clock: timers run when they are due, and promises settle in between. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.time + milliseconds;
    await this.settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
      if (next === undefined) {
        break;
      }
      this.#timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await this.settle();
    }
    this.time = until;
  }

  /** Settle all promises that wait for no timer. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  async #fetch(request: Request): Promise<Response> {
    this.requests.push(request);
    if (this.isDown) {
      throw new TypeError("fetch failed");
    }
    const { signal } = request;
    signal.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
    const response = await Promise.race([this.respond(request), aborted]);
    if (response !== undefined) {
      return response;
    }
    const { pathname } = new URL(request.url);
    const thread = /^\/api\/conversations\/([^/]+)\/messages$/.exec(pathname)?.[1];
    const conversationId = /^\/api\/conversations\/([^/]+)$/.exec(pathname)?.[1];
    const { data } = this;
    const body =
      pathname === "/api/conversations"
        ? data.conversations
        : pathname === "/api/accounts"
          ? data.accounts
          : thread === undefined
            ? data.conversations.find(({ conversation_id }) => conversation_id === conversationId)
            : (data.messages[thread] ?? []);
    return body === undefined ? problemResponse(404) : this.listResponse(body);
  }

  /** Return a response with these rows, or this object. */
  listResponse(body: object, headers: Readonly<Record<string, string>> = {}): Response {
    return Response.json(body, {
      headers: { "Inbox-Seq": String(this.data.seq), "Inbox-Epoch": this.data.epoch, ...headers },
    });
  }
}

export function problemResponse(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const type = `urn:switchboard:problem:${String(status)}`;
  return Response.json({ type, title: "Refused", detail: `It was refused: ${String(status)}.` }, { status, headers });
}

/** A small world for tests: a clock that only they move, and a server that they play. */

import type { PageEvent } from "../../src/connection/machine-state.js";
import type { Environment, WebSocketLike } from "../../src/runtime/environment.js";
import type { Account, AnyFrame, Conversation, Message } from "../../src/protocol/types.js";

export const EPOCH = "5f0c2d7e";

export function conversation(id: string, change: Partial<Conversation> = {}): Conversation {
  return {
    conversation_id: id,
    platform: "facebook",
    participant_id: `p-${id}`,
    participant_name: "Ada",
    participant_username: null,
    participant_profile_pic: null,
    last_message: null,
    last_message_at: "2026-11-22T10:00:00Z",
    unread_count: 1,
    last_seq: 1,
    linked: [],
    ...change,
  };
}

export function message(id: number, change: Partial<Message> = {}): Message {
  return {
    id,
    seq: id,
    message_id: `m_${String(id)}`,
    conversation_id: "c1",
    platform: "facebook",
    page_id: "1001",
    direction: "incoming",
    sender_id: "7001",
    sender_name: "Ada",
    content: `text ${String(id)}`,
    created_at: new Date(Date.parse("2026-11-22T10:00:00Z") + id * 1000).toISOString(),
    kind: "message",
    status: null,
    error: null,
    attachments: [],
    reactions: [],
    reply_to: null,
    payload: null,
    referral: null,
    sent_via: null,
    edited_at: null,
    deleted_at: null,
    delivered_at: null,
    read_at: null,
    client_ref: null,
    ...change,
  };
}

export function newMessage(id: number, change: Partial<Message> = {}): AnyFrame {
  const told = message(id, change);
  const held = conversation(told.conversation_id, {
    last_seq: id,
    last_message: told,
    last_message_at: told.created_at,
  });
  return {
    type: "new_message",
    seq: id,
    data: { conversation_id: told.conversation_id, message: told, conversation: held },
  };
}

export function hello(seq: number, resumed: boolean, epoch = EPOCH): AnyFrame {
  return { type: "hello", data: { seq, epoch, resumed, heartbeat_seconds: 20 } };
}

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

  open(): void {
    this.#tell("open", {});
  }

  says(...frames: readonly AnyFrame[]): void {
    for (const frame of frames) {
      this.#tell("message", { data: JSON.stringify(frame) });
    }
  }

  ends(code: number, reason = ""): void {
    this.isClosed = true;
    this.#tell("close", { code, reason });
  }

  #tell(type: string, event: object): void {
    this.#listeners.get(type)?.(event as never);
  }
}

/** A JSON Web Token that ends then, milliseconds since 1970. */
export function tokenUntil(expiresAt: number, name = "t"): string {
  const payload = Buffer.from(JSON.stringify({ sub: "42", exp: expiresAt / 1000, name })).toString("base64url");
  return `h.${payload}.s`;
}

/** What REST answers, by path without the query. */
export interface Rows {
  conversations: Conversation[];
  messages: Record<string, Message[]>;
  accounts: Account[];
  seq: number;
  epoch: string;
}

export class World {
  time = Date.parse("2026-11-22T10:00:00Z");
  random = 0;
  isOnline = true;
  isDown = false;
  readonly sockets: FakeSocket[] = [];
  readonly requests: Request[] = [];
  readonly rows: Rows = { conversations: [], messages: {}, accounts: [], seq: 0, epoch: EPOCH };
  /** Goes before `rows`. */
  answer: (request: Request) => Response | Promise<Response> | undefined = () => undefined;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();
  readonly #watchers = new Set<(what: PageEvent) => void>();

  readonly environment: Environment = {
    now: () => this.time,
    random: () => this.random,
    after: (milliseconds, run) => {
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
    watch: (changed) => {
      this.#watchers.add(changed);
      return () => {
        this.#watchers.delete(changed);
      };
    },
    origin: () => "http://inbox.test",
  };

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) {
      throw new Error("no socket was opened");
    }
    return socket;
  }

  get timers(): number {
    return this.#timers.size;
  }

  happens(what: PageEvent): void {
    this.isOnline = what === "online" || (what !== "offline" && this.isOnline);
    for (const watcher of this.#watchers) {
      watcher(what);
    }
  }

  /** Let so much time pass: timers run when they are due, and promises in between. */
  async passes(milliseconds: number): Promise<void> {
    const until = this.time + milliseconds;
    await this.settles();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
      if (next === undefined) {
        break;
      }
      this.#timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await this.settles();
    }
    this.time = until;
  }

  /** Let everything happen that needs no time. */
  async settles(): Promise<void> {
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
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
    const own = await Promise.race([this.answer(request), ended]);
    if (own !== undefined) {
      return own;
    }
    const { pathname } = new URL(request.url);
    const thread = /^\/api\/conversations\/([^/]+)\/messages$/.exec(pathname)?.[1];
    const one = /^\/api\/conversations\/([^/]+)$/.exec(pathname)?.[1];
    const { rows } = this;
    const body =
      pathname === "/api/conversations"
        ? rows.conversations
        : pathname === "/api/accounts"
          ? rows.accounts
          : thread === undefined
            ? rows.conversations.find(({ conversation_id }) => conversation_id === one)
            : (rows.messages[thread] ?? []);
    return body === undefined ? refusal(404) : this.list(body);
  }

  /** An answer with these rows, or this one. */
  list(body: object, headers: Readonly<Record<string, string>> = {}): Response {
    return Response.json(body, {
      headers: { "Inbox-Seq": String(this.rows.seq), "Inbox-Epoch": this.rows.epoch, ...headers },
    });
  }
}

export function refusal(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const type = `urn:switchboard:problem:${String(status)}`;
  return Response.json({ type, title: "Refused", detail: `It was refused: ${String(status)}.` }, { status, headers });
}

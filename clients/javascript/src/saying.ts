/** What a client says: read, typing, viewing. What cannot be said now is said when there is a connection again. */

import { bodyOf, type Api } from "./api.js";
import type { Environment } from "./environment.js";
import { ApiError, asError } from "./errors.js";
import type { Holder } from "./holder.js";
import type { LiveConnection } from "./live-connection.js";
import { Pace } from "./pace.js";
import type { Conversation } from "./types.js";

const TYPING_AGAIN_MS = 3_000;
/** A gateway that dies may forget a mark: it is repeated, but not on every look. */
const READ_AGAIN_MS = 5_000;
/** Whoever scrolls marks message by message: the greatest one of so long is enough. */
const READ_EVERY_MS = 300;
const LONGEST_REST_MS = 60_000;
/** Less than half of what the gateway allows ("Limits" in docs/protocol.md): it closes for good whoever sends more. */
const FRAMES_PER_SECOND = 10;
const FRAMES_BURST = 40;

/** Up to where a conversation was read. */
interface Mark {
  /** The greatest `id`, and the greatest one that was said. */
  upTo: number;
  said: number;
  /** When it was said last, or tried; milliseconds since 1970. */
  at: number;
  /** How long after that nothing is said. */
  restMs: number;
  isPosting: boolean;
}

export class Saying {
  readonly #connection: LiveConnection;
  readonly #api: Api;
  readonly #holder: Holder;
  readonly #environment: Pick<Environment, "now" | "after">;
  readonly #failed: (error: Error) => void;
  readonly #pace = new Pace(FRAMES_PER_SECOND, FRAMES_BURST);
  /** By conversation: those that have to be said, and those of the last seconds. */
  readonly #marks = new Map<string, Mark>();
  #typed: { readonly conversationId: string; readonly at: number } | null = null;
  #viewing: string | null = null;
  #isViewingDue = false;
  #cancelLater: () => void = () => undefined;

  constructor(
    connection: LiveConnection,
    api: Api,
    holder: Holder,
    environment: Pick<Environment, "now" | "after">,
    failed: (error: Error) => void,
  ) {
    this.#connection = connection;
    this.#api = api;
    this.#holder = holder;
    this.#environment = environment;
    this.#failed = failed;
  }

  read(conversationId: string, upToId?: number): void {
    const { conversations, threads } = this.#holder.state;
    const conversation = conversations.get(conversationId);
    const held = threads.get(conversationId)?.messages ?? [];
    const newest = conversation?.last_message?.id ?? 0;
    const upTo = upToId ?? held.reduce((highest, message) => Math.max(highest, message.id), newest);
    const isUnread = (conversation?.unread_count ?? 1) > 0;
    this.#forgetSaid();
    const mark = this.#marks.get(conversationId);
    if (!isUnread || upTo <= (mark?.upTo ?? 0)) {
      return;
    }
    if (mark === undefined) {
      this.#marks.set(conversationId, { upTo, said: 0, at: this.#environment.now(), restMs: 0, isPosting: false });
    } else {
      mark.upTo = upTo;
    }
    this.#sayDue();
  }

  typing(conversationId: string): void {
    const now = this.#environment.now();
    const last = this.#typed;
    if (last?.conversationId === conversationId && now - last.at < TYPING_AGAIN_MS) {
      return;
    }
    if (this.#connection.canSend && this.#pace.take(now)) {
      this.#connection.send({ type: "typing", conversation_id: conversationId });
      this.#typed = { conversationId, at: now };
    }
  }

  viewing(conversationId: string | null): void {
    if (conversationId !== this.#viewing) {
      this.#viewing = conversationId;
      this.#isViewingDue = true;
      this.#sayDue();
    }
  }

  /** A new connection: say what it has to know. */
  again(): void {
    this.#typed = null;
    this.#isViewingDue = this.#viewing !== null;
    this.#sayDue();
  }

  /** Timers may not run any more: say now what would be said in a moment. */
  hurry(): void {
    this.#sayDue(READ_EVERY_MS);
  }

  /** Say what would be said in a moment, and nothing more until the next connection. */
  stop(): void {
    this.hurry();
    this.#cancelLater();
  }

  /** Say what is due within `earlyMs`, and come back for the next. */
  #sayDue(earlyMs = 0): void {
    this.#cancelLater();
    let nextMs = this.#isViewingDue ? this.#sayViewing() : Infinity;
    for (const [conversationId, mark] of this.#marks) {
      if (mark.said < mark.upTo && !mark.isPosting) {
        nextMs = Math.min(nextMs, this.#sayRead(conversationId, mark, earlyMs));
      }
    }
    if (nextMs < Infinity) {
      this.#cancelLater = this.#environment.after(nextMs, () => {
        this.#sayDue();
      });
    }
  }

  /** Return in how many milliseconds it can be said: `Infinity` where it was, or where only a connection helps. */
  #sayViewing(): number {
    if (!this.#connection.canSend) {
      return Infinity;
    }
    if (!this.#pace.take(this.#environment.now())) {
      return this.#pace.waitMs;
    }
    this.#isViewingDue = false;
    this.#connection.send({ type: "viewing", conversation_id: this.#viewing });
    return Infinity;
  }

  /** Return the same. */
  #sayRead(conversationId: string, mark: Mark, earlyMs: number): number {
    if (!this.#connection.canSend && !this.#canPost()) {
      return Infinity;
    }
    const now = this.#environment.now();
    mark.at = Math.min(mark.at, now); // the clock may have been set back
    const leftMs = mark.at + mark.restMs - now;
    if (leftMs > earlyMs) {
      return leftMs;
    }
    if (!this.#pace.take(now)) {
      return this.#pace.waitMs;
    }
    mark.at = now;
    mark.restMs = READ_EVERY_MS;
    if (this.#connection.send({ type: "read", conversation_id: conversationId, up_to_seq: mark.upTo })) {
      mark.said = mark.upTo;
    } else {
      void this.#post(conversationId, mark);
    }
    return Infinity;
  }

  #canPost(): boolean {
    const { phase } = this.#connection.status;
    return phase !== "offline" && phase !== "stopped";
  }

  #forgetSaid(): void {
    const now = this.#environment.now();
    for (const [conversationId, { upTo, said, at }] of this.#marks) {
      if (said === upTo && now - at >= READ_AGAIN_MS) {
        this.#marks.delete(conversationId);
      }
    }
  }

  async #post(conversationId: string, mark: Mark): Promise<void> {
    const { generation, epoch } = this.#holder.state;
    const { upTo } = mark;
    mark.isPosting = true;
    try {
      const path = `/api/conversations/${encodeURIComponent(conversationId)}/read`;
      const response = await this.#api.request(path, { body: { up_to_seq: upTo } });
      const conversation = bodyOf(response) as Conversation;
      mark.said = upTo;
      if (response.headers.get("Inbox-Epoch") === epoch) {
        this.#holder.dispatch({ type: "told", generation, conversation });
      }
    } catch (thrown) {
      this.#failed(asError(thrown));
      const wantedMs = thrown instanceof ApiError ? thrown.retryAfterMs : null;
      if (thrown instanceof ApiError && thrown.status < 500 && wantedMs === null) {
        mark.said = upTo; // it would be refused again
      }
      mark.restMs = Math.min(Math.max(wantedMs ?? 0, READ_AGAIN_MS), LONGEST_REST_MS);
    } finally {
      mark.isPosting = false;
      this.#sayDue();
    }
  }
}

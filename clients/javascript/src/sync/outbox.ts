/** What a client says: read, typing, viewing. What cannot be said now is said when there is a connection again. */

import { bodyOf, type Api } from "../rest/http-client.js";
import type { Environment } from "../runtime/environment.js";
import { ApiError, asError } from "../runtime/errors.js";
import type { Holder } from "../state/store.js";
import type { LiveConnection } from "../connection/live-connection.js";
import { Pace } from "./rate-limiter.js";
import type { Conversation } from "../protocol/types.js";

const TYPING_AGAIN_MS = 3_000;
/** A gateway that dies may forget a mark: it is repeated, but not on every look. */
const READ_AGAIN_MS = 5_000;
/** Whoever scrolls marks message by message: the greatest one of so long is enough. */
const READ_EVERY_MS = 300;
const LONGEST_REST_MS = 60_000;
/** Conversations whose marks are kept until they were taken: the last ones. */
const MOST_MARKS = 1_000;
/** Less than half of what the gateway allows ("Limits" in docs/protocol.md): it closes for good whoever sends more. */
const FRAMES_PER_SECOND = 10;
const FRAMES_BURST = 40;

/** Up to where a conversation was read. */
interface Mark {
  /** The log that it is a number of; `null` where none was known. */
  readonly epoch: string | null;
  /** The greatest `id`, and the greatest one that was said on this connection. */
  upTo: number;
  said: number;
  /** Whether the server has shown that it knows: what was said on a connection that is dead already nobody has heard. */
  isTaken: boolean;
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
  /** By conversation, the last one marked last: those that were not taken yet, and those of the last seconds. */
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
    if (isUnread && upTo > 0 && this.#isNews(conversationId, upTo)) {
      this.#keep(conversationId, upTo);
      this.#sayDue();
    }
  }

  /** The server told of a conversation: maybe it was read up to the mark. */
  heard(conversation: Conversation): void {
    const mark = this.#marks.get(conversation.conversation_id);
    if (mark !== undefined && conversation.unread_count === 0 && conversation.last_seq >= mark.upTo) {
      mark.isTaken = true;
      mark.said = mark.upTo;
    }
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

  /** A new connection: say what it has to know, and what the last one may not have heard. */
  again(): void {
    for (const [conversationId, mark] of this.#marks) {
      const held = this.#holder.state.conversations.get(conversationId);
      if (held !== undefined) {
        this.heard(held);
      }
      Object.assign(mark, { said: mark.isTaken ? mark.upTo : 0, restMs: 0 });
    }
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
    this.#forget();
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

  /** Whether a mark says more than the last one, or that one is worth repeating. */
  #isNews(conversationId: string, upTo: number): boolean {
    const mark = this.#marks.get(conversationId);
    if (mark === undefined || upTo > mark.upTo) {
      return true;
    }
    return mark.said === mark.upTo && this.#environment.now() - mark.at >= READ_AGAIN_MS;
  }

  #keep(conversationId: string, upTo: number): void {
    const { epoch } = this.#holder.state;
    const mark = this.#marks.get(conversationId) ?? {
      epoch,
      upTo,
      at: this.#environment.now(),
      restMs: 0,
      isPosting: false,
    };
    this.#marks.delete(conversationId);
    this.#marks.set(conversationId, Object.assign(mark, { upTo: Math.max(upTo, mark.upTo), said: 0, isTaken: false }));
    for (const id of this.#marks.keys()) {
      if (this.#marks.size <= MOST_MARKS) {
        break;
      }
      this.#marks.delete(id);
    }
  }

  /** Of a mark that was taken only its time matters; in another log the same number is another message. */
  #forget(): void {
    const now = this.#environment.now();
    const { epoch } = this.#holder.state;
    for (const [conversationId, mark] of this.#marks) {
      const isOver = mark.isTaken && now - mark.at >= READ_AGAIN_MS;
      if (isOver || (mark.epoch !== null && mark.epoch !== epoch)) {
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
      settle(mark, upTo);
      if (response.headers.get("Inbox-Epoch") === epoch) {
        this.#holder.dispatch({ type: "told", generation, conversation });
      }
    } catch (thrown) {
      this.#failed(asError(thrown));
      const wantedMs = thrown instanceof ApiError ? thrown.retryAfterMs : null;
      if (thrown instanceof ApiError && thrown.status < 500 && wantedMs === null) {
        settle(mark, upTo); // it would be refused again
      }
      mark.restMs = Math.min(Math.max(wantedMs ?? 0, READ_AGAIN_MS), LONGEST_REST_MS);
    } finally {
      mark.isPosting = false;
      this.#sayDue();
    }
  }
}

/** The server has answered: nothing of it is left to say, unless more was read meanwhile. */
function settle(mark: Mark, upTo: number): void {
  mark.said = upTo;
  mark.isTaken = mark.upTo === upTo;
}

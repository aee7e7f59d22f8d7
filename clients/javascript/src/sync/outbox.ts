/** What the client sends: read marks, typing, viewing. What cannot be sent now waits for the next connection. */

import type { LiveConnection } from "../connection/live-connection.js";
import type { Conversation } from "../protocol/types.js";
import type { InboxApi } from "../rest/inbox-api.js";
import type { Environment } from "../runtime/environment.js";
import { ApiError, toError } from "../runtime/errors.js";
import type { InboxStore } from "../state/store.js";
import { RateLimiter } from "./rate-limiter.js";
import { ReadMarks, REPEAT_AFTER_MS, settle, type ReadMark } from "./read-marks.js";

const TYPING_INTERVAL_MS = 3_000;
/** Scrolling marks message by message: of one conversation, only the highest mark of this time is sent. */
const READ_INTERVAL_MS = 300;
const MAX_PAUSE_MS = 60_000;
/** Less than half of the gateway's limit ("Limits" in docs/protocol.md): above it, the gateway closes the connection. */
const FRAMES_PER_SECOND = 10;
const MAX_BURST = 40;

export class Outbox {
  readonly #connection: LiveConnection;
  readonly #api: InboxApi;
  readonly #store: InboxStore;
  readonly #environment: Pick<Environment, "now" | "setTimer">;
  readonly #onError: (error: Error) => void;
  readonly #limiter = new RateLimiter(FRAMES_PER_SECOND, MAX_BURST);
  readonly #marks = new ReadMarks();
  #lastTyping: { readonly conversationId: string; readonly at: number } | null = null;
  #viewing: string | null = null;
  #isViewingDue = false;
  #cancelTimer: () => void = () => undefined;

  constructor(
    connection: LiveConnection,
    api: InboxApi,
    store: InboxStore,
    environment: Pick<Environment, "now" | "setTimer">,
    onError: (error: Error) => void,
  ) {
    this.#connection = connection;
    this.#api = api;
    this.#store = store;
    this.#environment = environment;
    this.#onError = onError;
  }

  /** Mark messages up to `upToId` as read; by default all known messages of the conversation. */
  markRead(conversationId: string, upToId?: number): void {
    const { conversations, threads, epoch } = this.#store.state;
    const conversation = conversations.get(conversationId);
    const messages = threads.get(conversationId)?.messages ?? [];
    const newest = conversation?.last_message?.id ?? 0;
    const upTo = upToId ?? messages.reduce((highest, message) => Math.max(highest, message.id), newest);
    const isUnread = (conversation?.unread_count ?? 1) > 0;
    const now = this.#environment.now();
    if (isUnread && upTo > 0 && this.#marks.isNews(conversationId, upTo, now)) {
      this.#marks.add(conversationId, upTo, epoch, now);
      this.#sendDue();
    }
  }

  /** The server sent a conversation, which may confirm a mark. */
  received(conversation: Conversation): void {
    this.#marks.confirm(conversation);
  }

  /** Report typing; at most every 3 s per conversation, and only while connected. */
  typing(conversationId: string): void {
    const now = this.#environment.now();
    const last = this.#lastTyping;
    if (last?.conversationId === conversationId && now - last.at < TYPING_INTERVAL_MS) {
      return;
    }
    if (this.#connection.canSend && this.#limiter.tryAcquire(now)) {
      this.#connection.send({ type: "typing", conversation_id: conversationId });
      this.#lastTyping = { conversationId, at: now };
    }
  }

  /** Report which conversation is on the screen. */
  viewing(conversationId: string | null): void {
    if (conversationId !== this.#viewing) {
      this.#viewing = conversationId;
      this.#isViewingDue = true;
      this.#sendDue();
    }
  }

  /** A new connection is live: send what it has to know, and what the last one may have lost. */
  resend(): void {
    this.#marks.resendUnconfirmed(this.#store.state.conversations);
    this.#lastTyping = null;
    this.#isViewingDue = this.#viewing !== null;
    this.#sendDue();
  }

  /** Send now what is due soon: timers may stop. */
  flush(): void {
    this.#sendDue(READ_INTERVAL_MS);
  }

  /** Send now what is due soon, and nothing more until the next connection. */
  stop(): void {
    this.flush();
    this.#cancelTimer();
  }

  /** Send what is due within `earlyMs`, and schedule the next. */
  #sendDue(earlyMs = 0): void {
    this.#cancelTimer();
    this.#marks.prune(this.#store.state.epoch, this.#environment.now());
    let nextMs = this.#isViewingDue ? this.#trySendViewing() : Infinity;
    for (const [conversationId, mark] of this.#marks.unsent()) {
      nextMs = Math.min(nextMs, this.#trySendRead(conversationId, mark, earlyMs));
    }
    if (nextMs < Infinity) {
      this.#cancelTimer = this.#environment.setTimer(nextMs, () => {
        this.#sendDue();
      });
    }
  }

  /** Return when to try again, in milliseconds; `Infinity` if it was sent, or if only a new connection helps. */
  #trySendViewing(): number {
    if (!this.#connection.canSend) {
      return Infinity;
    }
    if (!this.#limiter.tryAcquire(this.#environment.now())) {
      return this.#limiter.waitMs;
    }
    this.#isViewingDue = false;
    this.#connection.send({ type: "viewing", conversation_id: this.#viewing });
    return Infinity;
  }

  /** Return the same as `#trySendViewing`. */
  #trySendRead(conversationId: string, mark: ReadMark, earlyMs: number): number {
    if (!this.#connection.canSend && !this.#canPost()) {
      return Infinity;
    }
    const now = this.#environment.now();
    mark.sentAt = Math.min(mark.sentAt, now); // the clock may have been set back
    const remainingMs = mark.sentAt + mark.pauseMs - now;
    if (remainingMs > earlyMs) {
      return remainingMs;
    }
    if (!this.#limiter.tryAcquire(now)) {
      return this.#limiter.waitMs;
    }
    mark.sentAt = now;
    mark.pauseMs = READ_INTERVAL_MS;
    if (this.#connection.send({ type: "read", conversation_id: conversationId, up_to_seq: mark.upTo })) {
      mark.sentUpTo = mark.upTo;
    } else {
      void this.#post(conversationId, mark);
    }
    return Infinity;
  }

  #canPost(): boolean {
    const { phase } = this.#connection.status;
    return phase !== "offline" && phase !== "stopped";
  }

  /** Send a mark over REST, while there is no connection that can send. */
  async #post(conversationId: string, mark: ReadMark): Promise<void> {
    const { generation, epoch } = this.#store.state;
    const { upTo } = mark;
    mark.isPosting = true;
    try {
      const response = await this.#api.markRead(conversationId, upTo);
      settle(mark, upTo);
      if (response.epoch === epoch) {
        this.#store.dispatch({ type: "conversationReceived", generation, conversation: response.conversation });
      }
    } catch (thrown) {
      this.#onError(toError(thrown));
      const retryAfterMs = thrown instanceof ApiError ? thrown.retryAfterMs : null;
      if (thrown instanceof ApiError && thrown.status < 500 && retryAfterMs === null) {
        settle(mark, upTo); // the server would refuse it again
      }
      mark.pauseMs = Math.min(Math.max(retryAfterMs ?? 0, REPEAT_AFTER_MS), MAX_PAUSE_MS);
    } finally {
      mark.isPosting = false;
      this.#sendDue();
    }
  }
}

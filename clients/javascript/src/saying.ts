/** What a client says: read, typing, viewing. What cannot be said now is said when there is a connection again. */

import { bodyOf, type Api } from "./api.js";
import { ApiError, asError } from "./errors.js";
import type { Holder } from "./holder.js";
import type { LiveConnection } from "./live-connection.js";
import type { Conversation } from "./types.js";

const TYPING_AGAIN_MS = 3_000;
/** A gateway that dies may forget a mark: it is repeated, but not on every look. */
const READ_AGAIN_MS = 5_000;

export class Saying {
  readonly #connection: LiveConnection;
  readonly #api: Api;
  readonly #holder: Holder;
  readonly #now: () => number;
  readonly #failed: (error: Error) => void;
  /** Marks that nobody was told yet, by conversation. */
  readonly #unsaid = new Map<string, number>();
  /** Marks of the last seconds, the oldest first. */
  readonly #said = new Map<string, { readonly upTo: number; readonly at: number }>();
  readonly #posting = new Set<string>();
  #typed: { readonly conversationId: string; readonly at: number } | null = null;
  #viewing: string | null = null;

  constructor(
    connection: LiveConnection,
    api: Api,
    holder: Holder,
    now: () => number,
    failed: (error: Error) => void,
  ) {
    this.#connection = connection;
    this.#api = api;
    this.#holder = holder;
    this.#now = now;
    this.#failed = failed;
  }

  read(conversationId: string, upToId?: number): void {
    const { conversations, threads } = this.#holder.state;
    const conversation = conversations.get(conversationId);
    const held = threads.get(conversationId)?.messages ?? [];
    const newest = conversation?.last_message?.id ?? 0;
    const upTo = upToId ?? held.reduce((highest, message) => Math.max(highest, message.id), newest);
    this.#forgetSaid();
    const said = this.#said.get(conversationId);
    const isUnread = (conversation?.unread_count ?? 1) > 0;
    if (upTo > 0 && isUnread && (said === undefined || upTo > said.upTo)) {
      this.#said.delete(conversationId);
      this.#said.set(conversationId, { upTo, at: this.#now() });
      this.#unsaid.set(conversationId, Math.max(upTo, this.#unsaid.get(conversationId) ?? 0));
      this.#sayRead();
    }
  }

  typing(conversationId: string): void {
    const last = this.#typed;
    if (last?.conversationId === conversationId && this.#now() - last.at < TYPING_AGAIN_MS) {
      return;
    }
    if (this.#connection.send({ type: "typing", conversation_id: conversationId })) {
      this.#typed = { conversationId, at: this.#now() };
    }
  }

  viewing(conversationId: string | null): void {
    if (conversationId !== this.#viewing) {
      this.#viewing = conversationId;
      this.#connection.send({ type: "viewing", conversation_id: conversationId });
    }
  }

  /** A new connection: say what it has to know. */
  again(): void {
    this.#typed = null;
    if (this.#viewing !== null) {
      this.#connection.send({ type: "viewing", conversation_id: this.#viewing });
    }
    this.#sayRead();
  }

  #sayRead(): void {
    for (const [conversationId, upTo] of this.#unsaid) {
      if (this.#connection.send({ type: "read", conversation_id: conversationId, up_to_seq: upTo })) {
        this.#unsaid.delete(conversationId);
      } else if (this.#canPost() && !this.#posting.has(conversationId)) {
        void this.#post(conversationId, upTo);
      }
    }
  }

  #canPost(): boolean {
    const { phase } = this.#connection.status;
    return phase !== "offline" && phase !== "stopped";
  }

  #forgetSaid(): void {
    for (const [conversationId, { at }] of this.#said) {
      if (this.#now() - at < READ_AGAIN_MS) {
        break;
      }
      this.#said.delete(conversationId);
    }
  }

  async #post(conversationId: string, upTo: number): Promise<void> {
    const { generation, epoch } = this.#holder.state;
    this.#posting.add(conversationId);
    try {
      const path = `/api/conversations/${encodeURIComponent(conversationId)}/read`;
      const response = await this.#api.request(path, { body: { up_to_seq: upTo } });
      const conversation = bodyOf(response) as Conversation;
      this.#settle(conversationId, upTo);
      if (response.headers.get("Inbox-Epoch") === epoch) {
        this.#holder.dispatch({ type: "told", generation, conversation });
      }
    } catch (thrown) {
      this.#failed(asError(thrown));
      if (thrown instanceof ApiError && thrown.status < 500 && thrown.retryAfterMs === null) {
        this.#settle(conversationId, upTo); // it would be refused again
      }
    } finally {
      this.#posting.delete(conversationId);
    }
  }

  #settle(conversationId: string, upTo: number): void {
    if (this.#unsaid.get(conversationId) === upTo) {
      this.#unsaid.delete(conversationId);
    }
  }
}

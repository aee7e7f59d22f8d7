/** How far each conversation was read, kept until the server confirms it. */

import type { Conversation } from "../protocol/types.js";
import type { InboxState } from "../state/inbox-state.js";

/** A gateway that crashes may lose a mark, so a repeated mark is sent again, but not more often than this. */
export const REPEAT_AFTER_MS = 5_000;
/** Unconfirmed marks are kept for the last conversations only. */
const MAX_MARKS = 1_000;

export interface ReadMark {
  /** The epoch of `upTo`; `null` if none was known. */
  readonly epoch: string | null;
  /** The highest message `id` that was read. */
  upTo: number;
  /** The highest one that was sent on this connection. */
  sentUpTo: number;
  /** Whether the server confirmed `upTo`. What was sent on a connection that was already dead is lost. */
  isConfirmed: boolean;
  /** When it was sent last, or tried, milliseconds since 1970. */
  sentAt: number;
  /** How long after `sentAt` nothing is sent. */
  pauseMs: number;
  /** Whether a REST request for it is in progress. */
  isPosting: boolean;
}

export class ReadMarks {
  /** By conversation, in the order of their last change. */
  readonly #marks = new Map<string, ReadMark>();

  /** Whether a mark is higher than the last one, or worth repeating at `now`, milliseconds since 1970. */
  isNews(conversationId: string, upTo: number, now: number): boolean {
    const mark = this.#marks.get(conversationId);
    if (mark === undefined || upTo > mark.upTo) {
      return true;
    }
    return mark.sentUpTo === mark.upTo && now - mark.sentAt >= REPEAT_AFTER_MS;
  }

  /** Keep a mark until it is confirmed; the highest one of a conversation counts. */
  add(conversationId: string, upTo: number, epoch: string | null, now: number): void {
    const mark = this.#marks.get(conversationId) ?? { epoch, upTo, sentAt: now, pauseMs: 0, isPosting: false };
    const updated = Object.assign(mark, { upTo: Math.max(upTo, mark.upTo), sentUpTo: 0, isConfirmed: false });
    this.#marks.delete(conversationId);
    this.#marks.set(conversationId, updated);
    for (const id of this.#marks.keys()) {
      if (this.#marks.size <= MAX_MARKS) {
        break;
      }
      this.#marks.delete(id);
    }
  }

  /** The server sent a conversation: its mark is confirmed if everything up to it is read. */
  confirm(conversation: Conversation): void {
    const mark = this.#marks.get(conversation.conversation_id);
    if (mark !== undefined && conversation.unread_count === 0 && conversation.last_seq >= mark.upTo) {
      mark.isConfirmed = true;
      mark.sentUpTo = mark.upTo;
    }
  }

  /** A new connection: send every mark again that is not confirmed. */
  resendUnconfirmed(conversations: InboxState["conversations"]): void {
    for (const [conversationId, mark] of this.#marks) {
      const conversation = conversations.get(conversationId);
      if (conversation !== undefined) {
        this.confirm(conversation);
      }
      Object.assign(mark, { sentUpTo: mark.isConfirmed ? mark.upTo : 0, pauseMs: 0 });
    }
  }

  /** Drop confirmed marks that are too old to suppress repetitions, and marks of another epoch: the same number is another
   * message there.
   */
  prune(epoch: string | null, now: number): void {
    for (const [conversationId, mark] of this.#marks) {
      const isDone = mark.isConfirmed && now - mark.sentAt >= REPEAT_AFTER_MS;
      if (isDone || (mark.epoch !== null && mark.epoch !== epoch)) {
        this.#marks.delete(conversationId);
      }
    }
  }

  /** The marks that have to be sent, by conversation. */
  *unsent(): IterableIterator<readonly [string, ReadMark]> {
    for (const entry of this.#marks) {
      const [, mark] = entry;
      if (mark.sentUpTo < mark.upTo && !mark.isPosting) {
        yield entry;
      }
    }
  }
}

/** The server responded to a REST request for `upTo`: nothing is left to send unless more was read meanwhile. */
export function settle(mark: ReadMark, upTo: number): void {
  mark.sentUpTo = upTo;
  mark.isConfirmed = mark.upTo === upTo;
}

/** Where the "New messages" divider is: above what was unread when the thread was opened, or arrived unseen. Pure. */

import type { Message } from "../model";

export type UnreadDivider = {
  /** The `id` of the message below the divider; null if nothing is new. */
  readonly id: number | null;
  /** Whether that is the first unread message, and not just the oldest that is loaded. */
  readonly isExact: boolean;
  /** The number of unread messages when the thread was opened. */
  readonly unreadAtOpen: number;
  /** The highest `id` when the thread was opened, and now. */
  readonly newestIdAtOpen: number;
  readonly newestId: number;
};

/** What is known of a thread now. */
export type ThreadState = {
  readonly messages: readonly Message[];
  readonly unread: number;
  readonly hasOlder: boolean;
  /** Whether the newest messages are on a visible screen. */
  readonly isLooking: boolean;
};

/** Return the divider of a thread that was just opened, from its first messages. */
export function initialDivider(messages: readonly Message[], unread: number, hasOlder: boolean): UnreadDivider {
  const newestId = maxId(messages);
  return locate(
    { id: null, isExact: false, unreadAtOpen: unread, newestIdAtOpen: newestId, newestId },
    messages,
    hasOlder,
  );
}

/** Return the divider after older or newer messages arrived; `before` itself if nothing changed. */
export function updateDivider(
  before: UnreadDivider,
  { messages, unread, hasOlder, isLooking }: ThreadState,
): UnreadDivider {
  if (!before.isExact) {
    const located = locate(before, messages, hasOlder);
    return located.id === before.id && located.isExact === before.isExact ? before : located;
  }
  const newestId = maxId(messages);
  if (newestId <= before.newestId) return before;
  const arrived = messages.filter((message) => message.id > before.newestId && countsAsUnread(message));
  // If more is unread than arrived just now, what is below the divider has not been read either: it stays.
  const moves = !isLooking && arrived.length > 0 && (before.id === null || unread <= arrived.length);
  return { ...before, newestId, id: moves ? Math.min(...arrived.map((message) => message.id)) : before.id };
}

/**
 * Return the `id` of the first unread message: the oldest of the last `unread` incoming ones. Null if all are read, or if it
 * is older than what is loaded.
 */
export function firstUnreadId(messages: readonly Message[], unread: number): number | null {
  if (unread <= 0) return null;
  const byArrival = messages.filter(countsAsUnread).sort((one, other) => other.id - one.id);
  return byArrival[unread - 1]?.id ?? null;
}

/** Return the highest `id`; 0 if there are no messages. */
export function maxId(messages: readonly Message[]): number {
  return messages.reduce((highest, message) => Math.max(highest, message.id), 0);
}

function locate(before: UnreadDivider, messages: readonly Message[], hasOlder: boolean): UnreadDivider {
  const atOpen = messages.filter((message) => message.id <= before.newestIdAtOpen);
  const id = firstUnreadId(atOpen, before.unreadAtOpen);
  const newestId = maxId(messages);
  if (before.unreadAtOpen <= 0 || id !== null) return { ...before, newestId, id, isExact: true };
  const oldest = messages.find(countsAsUnread);
  return { ...before, newestId, id: oldest?.id ?? null, isExact: !hasOlder };
}

function countsAsUnread(message: Message): boolean {
  return message.direction === "incoming" && !message.deleted_at;
}

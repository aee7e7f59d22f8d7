/** Where "New messages" stands: above what was unread when a thread was opened, or came while nobody looked. Pure. */

import type { Message } from "../model";

export type FirstNew = {
  /** `id` of the message below it; null where nothing is new. */
  readonly id: number | null;
  /** Whether that is the first unread one, and not only the oldest that is loaded. */
  readonly isFound: boolean;
  /** How many were unread when the thread was opened. */
  readonly unread: number;
  /** The greatest `id` when the thread was opened, and now. */
  readonly openedId: number;
  readonly newestId: number;
};

/** Return it for a thread that has just been opened, with its first messages. */
export function firstNewOf(messages: readonly Message[], unread: number, hasOlder: boolean): FirstNew {
  const newestId = greatestId(messages);
  return looked({ id: null, isFound: false, unread, openedId: newestId, newestId }, messages, hasOlder);
}

/** What can be seen of a thread now. */
export type Now = {
  readonly messages: readonly Message[];
  readonly unread: number;
  readonly hasOlder: boolean;
  readonly isLooking: boolean;
};

/** Return it after older or newer messages have come; `before` itself where nothing has changed. */
export function firstNewAfter(before: FirstNew, { messages, unread, hasOlder, isLooking }: Now): FirstNew {
  if (!before.isFound) {
    const found = looked(before, messages, hasOlder);
    return found.id === before.id && found.isFound === before.isFound ? before : found;
  }
  const newestId = greatestId(messages);
  if (newestId <= before.newestId) return before;
  const came = messages.filter((message) => message.id > before.newestId && countsAsUnread(message));
  // Where more is unread than came just now, what is marked already has not been read either.
  const moves = !isLooking && came.length > 0 && (before.id === null || unread <= came.length);
  return { ...before, newestId, id: moves ? Math.min(...came.map((message) => message.id)) : before.id };
}

function looked(before: FirstNew, messages: readonly Message[], hasOlder: boolean): FirstNew {
  const id = firstUnread(
    messages.filter((message) => message.id <= before.openedId),
    before.unread,
  );
  const newestId = greatestId(messages);
  if (before.unread <= 0 || id !== null) return { ...before, newestId, id, isFound: true };
  const oldest = messages.find(countsAsUnread);
  return { ...before, newestId, id: oldest?.id ?? null, isFound: !hasOlder };
}

/**
 * Return the `id` of the first unread message: the one that the last `unread` incoming ones begin with; null where all
 * are read, or where it is older than what is loaded.
 */
export function firstUnread(messages: readonly Message[], unread: number): number | null {
  if (unread <= 0) return null;
  const byArrival = messages.filter(countsAsUnread).sort((one, other) => other.id - one.id);
  return byArrival[unread - 1]?.id ?? null;
}

function countsAsUnread(message: Message): boolean {
  return message.direction === "incoming" && !message.deleted_at;
}

/** Return the greatest `id`; 0 where there are no messages. */
export function greatestId(messages: readonly Message[]): number {
  return messages.reduce((greatest, message) => Math.max(greatest, message.id), 0);
}

/** How a thread is divided: by day, by who wrote, and where the new ones begin. Pure. */

import type { Message } from "../model";
import type { Clock } from "./times";

/** Messages of one sender that stand together: less than this apart. */
const TOGETHER_MS = 5 * 60_000;

export type Row =
  | { readonly type: "day"; readonly key: string; readonly at: string }
  | { readonly type: "new"; readonly key: string }
  | {
      readonly type: "message";
      readonly key: string;
      readonly message: Message;
      /** Whether it begins or ends what one person said without a pause: names and times stand there. */
      readonly isFirst: boolean;
      readonly isLast: boolean;
    };

/**
 * Return the rows of a thread.
 *
 * @param messages oldest first
 * @param firstNewId `id` of the message above which "New messages" stands
 */
export function rowsOf(messages: readonly Message[], clock: Pick<Clock, "dayKey">, firstNewId: number | null): Row[] {
  const rows: Row[] = [];
  const days = messages.map((message) => clock.dayKey(message.created_at));
  const breaks = messages.map((message, index) => {
    const before = messages[index - 1];
    return before === undefined || days[index] !== days[index - 1] || message.id === firstNewId || !belongs(before, message);
  });
  messages.forEach((message, index) => {
    const day = days[index] ?? "";
    if (index === 0 || day !== days[index - 1]) rows.push({ type: "day", key: `day ${day}`, at: message.created_at });
    if (message.id === firstNewId) rows.push({ type: "new", key: "new" });
    const isLast = index === messages.length - 1 || breaks[index + 1] === true;
    rows.push({ type: "message", key: `message ${message.id.toString()}`, message, isFirst: breaks[index] === true, isLast });
  });
  // Platform times may go back by a zone's hour: a day that comes twice keeps both headings apart.
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const times = seen.get(row.key) ?? 0;
    seen.set(row.key, times + 1);
    return times === 0 ? row : { ...row, key: `${row.key} ${times.toString()}` };
  });
}

function belongs(before: Message, after: Message): boolean {
  return (
    before.direction === after.direction &&
    before.sender_id === after.sender_id &&
    before.page_id === after.page_id &&
    Date.parse(after.created_at) - Date.parse(before.created_at) < TOGETHER_MS
  );
}

/**
 * Return the `id` of the first unread message: the one that the last `unread` incoming ones begin with; null where all
 * are read, or where it is older than what is loaded.
 */
export function firstUnread(messages: readonly Message[], unread: number): number | null {
  if (unread <= 0) return null;
  let left = unread;
  const byArrival = [...messages].sort((one, other) => other.id - one.id);
  for (const message of byArrival) {
    if (message.direction !== "incoming" || message.deleted_at) continue;
    left -= 1;
    if (left === 0) return message.id;
  }
  return null;
}

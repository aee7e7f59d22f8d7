/** How a thread is divided: by day, by who wrote, and where the new ones begin. Pure. */

import type { Message } from "../model";
import type { Clock } from "./timeFormat";

/** Messages of one sender that stand together: less than this apart. */
const TOGETHER_MS = 5 * 60_000;

/** How one message stands in its thread. */
export type Row = {
  /** Whether it is the first of its day: the day's name stands above it. */
  readonly isNewDay: boolean;
  /** Whether "New messages" stands above it. */
  readonly isFirstNew: boolean;
  /** Whether it begins or ends what one person said without a pause: names and times stand there. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Whether its time, and how far it got, stand below it: those of the next message are not the same. */
  readonly isTimed: boolean;
};

/**
 * Return how a message stands between its neighbours; null where there is none, or none is loaded.
 *
 * @param firstNewId `id` of the message above which "New messages" stands
 */
export function rowOf(
  before: Message | null,
  message: Message,
  after: Message | null,
  clock: Pick<Clock, "dayKey">,
  firstNewId: number | null,
): Row {
  const isLast = !after || isBreak(message, after, clock, firstNewId);
  return {
    isNewDay: !before || clock.dayKey(before.created_at) !== clock.dayKey(message.created_at),
    isFirstNew: message.id === firstNewId,
    isFirst: isBreak(before, message, clock, firstNewId),
    isLast,
    isTimed: isLast || message.status !== after.status || message.status === "failed",
  };
}

/** Whether one person's flow of words does not go on from `before` to `after`. */
function isBreak(
  before: Message | null,
  after: Message,
  clock: Pick<Clock, "dayKey">,
  firstNewId: number | null,
): boolean {
  if (!before || after.id === firstNewId || !belongs(before, after)) return true;
  return clock.dayKey(before.created_at) !== clock.dayKey(after.created_at);
}

function belongs(before: Message, after: Message): boolean {
  return (
    before.direction === after.direction &&
    before.sender_id === after.sender_id &&
    before.page_id === after.page_id &&
    Date.parse(after.created_at) - Date.parse(before.created_at) < TOGETHER_MS
  );
}

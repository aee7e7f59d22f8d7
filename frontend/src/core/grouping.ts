/** How a thread is divided: by day, by sender, and where new messages start. Pure. */

import type { Message } from "../model";
import type { TimeFormat } from "./timeFormat";

/** Messages of one sender form a group if they are less than this apart. */
const GROUP_MS = 5 * 60_000;

/** How one message is laid out in its thread. */
export type RowLayout = {
  /** Whether the name of the day is above it. */
  readonly startsDay: boolean;
  /** Whether the "New messages" divider is above it. */
  readonly startsUnread: boolean;
  /** Whether it is the first or last message of a group: the sender's name is above the first. */
  readonly startsGroup: boolean;
  readonly endsGroup: boolean;
  /** Whether its time and status are below it: those of the next message differ. */
  readonly showsTime: boolean;
};

/**
 * Return the layout of a message from its neighbours, which are null if there are none or they are not loaded.
 *
 * @param firstUnreadId `id` of the message below the "New messages" divider
 */
export function rowLayout(
  before: Message | null,
  message: Message,
  after: Message | null,
  timeFormat: Pick<TimeFormat, "dayKey">,
  firstUnreadId: number | null,
): RowLayout {
  const endsGroup = !after || isBreak(message, after, timeFormat, firstUnreadId);
  return {
    startsDay: !before || timeFormat.dayKey(before.created_at) !== timeFormat.dayKey(message.created_at),
    startsUnread: message.id === firstUnreadId,
    startsGroup: isBreak(before, message, timeFormat, firstUnreadId),
    endsGroup,
    showsTime: endsGroup || message.status !== after.status || message.status === "failed",
  };
}

/** Whether a new group starts with `after`. */
function isBreak(
  before: Message | null,
  after: Message,
  timeFormat: Pick<TimeFormat, "dayKey">,
  firstUnreadId: number | null,
): boolean {
  if (!before || after.id === firstUnreadId || !isSameGroup(before, after)) return true;
  return timeFormat.dayKey(before.created_at) !== timeFormat.dayKey(after.created_at);
}

function isSameGroup(before: Message, after: Message): boolean {
  return (
    before.direction === after.direction &&
    before.sender_id === after.sender_id &&
    before.page_id === after.page_id &&
    Date.parse(after.created_at) - Date.parse(before.created_at) < GROUP_MS
  );
}

/** The sort orders of the server's lists, and binary search in them. */

import { compareStrings, compareTimestamps } from "../protocol/timestamps.js";
import type { Conversation, Message } from "../protocol/types.js";
import type { ConversationSortKey } from "./inbox-state.js";

/** Oldest first: by `created_at`, `message_id`, `id`. */
export function compareMessages(one: Message, other: Message): number {
  return (
    compareTimestamps(one.created_at, other.created_at) ||
    compareStrings(one.message_id, other.message_id) ||
    one.id - other.id
  );
}

/** Newest first: by `last_message_at`, then `conversation_id`, both descending. */
export function compareSortKeys(one: ConversationSortKey, other: ConversationSortKey): number {
  return compareTimestamps(other.at, one.at) || compareStrings(other.conversation_id, one.conversation_id);
}

export function sortKeyOf(conversation: Conversation): ConversationSortKey {
  return { at: conversation.last_message_at, conversation_id: conversation.conversation_id };
}

/** Return the first index of a sorted list at which an item can be inserted.
 *
 * @param length length of the list
 * @param compare compares the entry at an index with the item: negative if the entry comes first
 */
export function insertionIndex(length: number, compare: (index: number) => number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(middle) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

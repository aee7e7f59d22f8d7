/** The two orders of the server's lists, and finding a place in them. */

import { compareInstants, compareTexts } from "../protocol/timestamps.js";
import type { Position } from "./inbox-state.js";
import type { Conversation, Message } from "../protocol/types.js";

/** Oldest first: by `created_at`, `message_id`, `id`. */
export function compareMessages(one: Message, other: Message): number {
  return (
    compareInstants(one.created_at, other.created_at) ||
    compareTexts(one.message_id, other.message_id) ||
    one.id - other.id
  );
}

/** Newest first: by `last_message_at`, then `conversation_id`, both descending. */
export function comparePositions(one: Position, other: Position): number {
  return compareInstants(other.at, one.at) || compareTexts(other.conversation_id, one.conversation_id);
}

export function positionOf(conversation: Conversation): Position {
  return { at: conversation.last_message_at, conversation_id: conversation.conversation_id };
}

/** Return how many of `count` sorted entries come before the place that `compare` (entry to place) looks for. */
export function placeOf(count: number, compare: (index: number) => number): number {
  let low = 0;
  let high = count;
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

/** What a screen shows of the state. Pure; each result is new, so keep it while its arguments are the same. */

import { compareMessages, comparePositions, placeOf, positionOf } from "./order.js";
import { filterKey, type ConversationFilter, type ConversationWindow, type InboxState, type Thread } from "./state.js";
import type { Conversation, Message } from "./types.js";

/** Those of a list that are here without a hole, newest first. */
export function conversationsOf(
  state: Pick<InboxState, "conversations" | "order" | "lists">,
  filter: ConversationFilter = {},
): readonly Conversation[] {
  const window = state.lists.get(filterKey(filter));
  if (window?.loaded !== true) {
    return [];
  }
  const found: Conversation[] = [];
  for (let index = 0, end = endOf(state, window); index < end; index += 1) {
    const conversation = state.conversations.get(state.order[index] ?? "");
    if (conversation !== undefined && matches(conversation, filter)) {
      found.push(conversation);
    }
  }
  return found;
}

/** How many of the order come before what is not known yet. */
function endOf({ conversations, order }: Pick<InboxState, "conversations" | "order">, { until }: ConversationWindow): number {
  return until === null
    ? order.length
    : placeOf(order.length, (index) => {
        const conversation = conversations.get(order[index] ?? "");
        return conversation === undefined || comparePositions(positionOf(conversation), until) <= 0 ? -1 : 1;
      });
}

/** Those of a thread that are here without a hole, oldest first. */
export function messagesOf(thread: Thread | undefined): readonly Message[] {
  if (thread?.loaded !== true) {
    return [];
  }
  const { messages, since } = thread;
  if (since === null) {
    return messages;
  }
  const start = placeOf(messages.length, (index) => compareMessages(messages[index] ?? since, since));
  return start === 0 ? messages : messages.slice(start);
}

/** The unread messages of all conversations that are held. */
export function unreadCountOf(state: Pick<InboxState, "conversations">): number {
  let count = 0;
  for (const conversation of state.conversations.values()) {
    count += conversation.unread_count;
  }
  return count;
}

function matches(conversation: Conversation, { platform, unread }: ConversationFilter): boolean {
  return (platform === undefined || conversation.platform === platform) && (unread !== true || conversation.unread_count > 0);
}

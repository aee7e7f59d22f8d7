/** What a screen shows of the state. Pure; each result is new, so keep it while its arguments are the same. */

import { compareMessages, comparePositions, placeOf, positionOf } from "./ordering.js";
import {
  filterKey,
  type ConversationFilter,
  type ConversationWindow,
  type InboxState,
  type Thread,
} from "./inbox-state.js";
import type { Conversation, Message } from "../protocol/types.js";

/** Those of a list that are here without a hole, newest first. */
export function conversationsOf(
  state: Pick<InboxState, "conversations" | "order" | "lists">,
  filter: ConversationFilter = {},
): readonly Conversation[] {
  const window = state.lists.get(filterKey(filter));
  if (window?.loaded !== true) {
    return [];
  }
  return shownOf(inOrder(state), window);
}

/** All that are held, newest first. */
export function inOrder({
  conversations,
  order,
}: Pick<InboxState, "conversations" | "order">): readonly Conversation[] {
  return order.map((id) => conversations.get(id)).filter((conversation) => conversation !== undefined);
}

/** Those of a list, of all in order: up to where it is not known what comes. */
export function shownOf(all: readonly Conversation[], { filter, until }: ConversationWindow): readonly Conversation[] {
  const isBefore = (conversation: Conversation | undefined): boolean =>
    conversation === undefined || until === null || comparePositions(positionOf(conversation), until) <= 0;
  const known =
    until === null
      ? all
      : all.slice(
          0,
          placeOf(all.length, (index) => (isBefore(all[index]) ? -1 : 1)),
        );
  return filterKey(filter) === filterKey({}) ? known : known.filter((conversation) => matches(conversation, filter));
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
  return (
    (platform === undefined || conversation.platform === platform) && (unread !== true || conversation.unread_count > 0)
  );
}

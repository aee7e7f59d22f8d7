/** Selectors: what a screen shows of the state. Pure; each call returns a new array, so cache it while the input is the same. */

import type { Conversation, ConversationFilter, Message } from "../protocol/types.js";
import { filterKey, type ConversationWindow, type InboxState, type Thread } from "./inbox-state.js";
import { compareMessages, compareSortKeys, insertionIndex, sortKeyOf } from "./ordering.js";

/** Return the loaded conversations of a list, newest first and without gaps; empty if the list is not loaded.
 *
 * @example
 * const unread = conversationsOf(client.getState(), { unread: true });
 */
export function conversationsOf(
  state: Pick<InboxState, "conversations" | "order" | "lists">,
  filter: ConversationFilter = {},
): readonly Conversation[] {
  const window = state.lists.get(filterKey(filter));
  if (window?.loaded !== true) {
    return [];
  }
  return visibleConversations(orderedConversations(state), window);
}

/** Return all known conversations, newest first. */
export function orderedConversations({
  conversations,
  order,
}: Pick<InboxState, "conversations" | "order">): readonly Conversation[] {
  return order.map((id) => conversations.get(id)).filter((conversation) => conversation !== undefined);
}

/** Return the conversations of a list: those that match, up to the end of the loaded part.
 *
 * @param ordered all known conversations, newest first
 */
export function visibleConversations(
  ordered: readonly Conversation[],
  { filter, loadedTo }: ConversationWindow,
): readonly Conversation[] {
  const isLoaded = (conversation: Conversation | undefined): boolean =>
    conversation === undefined || loadedTo === null || compareSortKeys(sortKeyOf(conversation), loadedTo) <= 0;
  const loaded =
    loadedTo === null
      ? ordered
      : ordered.slice(
          0,
          insertionIndex(ordered.length, (index) => (isLoaded(ordered[index]) ? -1 : 1)),
        );
  return filterKey(filter) === filterKey({}) ? loaded : loaded.filter((conversation) => matches(conversation, filter));
}

/** Return the loaded messages of a thread, oldest first and without gaps; empty if the thread is not loaded.
 *
 * @example
 * const messages = messagesOf(client.getState().threads.get(conversationId));
 */
export function messagesOf(thread: Thread | undefined): readonly Message[] {
  if (thread?.loaded !== true) {
    return [];
  }
  const { messages, loadedFrom } = thread;
  if (loadedFrom === null) {
    return messages;
  }
  const start = insertionIndex(messages.length, (index) => compareMessages(messages[index] ?? loadedFrom, loadedFrom));
  return start === 0 ? messages : messages.slice(start);
}

/** Return the number of unread messages in all known conversations. */
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

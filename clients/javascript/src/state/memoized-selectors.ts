/** Memoized selectors: each returns the same object until its value changes. Create one per component. */

import type { Conversation, ConversationFilter, Device } from "../protocol/types.js";
import { filterKey, type ConversationWindow, type InboxState } from "./inbox-state.js";
import { orderedConversations, visibleConversations } from "./selectors.js";

/** Return a selector of the conversations of a list. It recomputes only if the list or a conversation changed. */
export function createConversationsSelector(
  filter: ConversationFilter,
): (state: InboxState) => readonly Conversation[] {
  const key = filterKey(filter);
  const selectOrdered = createOrderedSelector();
  let lastOrdered: readonly Conversation[] = [];
  let lastWindow: ConversationWindow | undefined;
  let result: readonly Conversation[] = [];
  return (state) => {
    const ordered = selectOrdered(state);
    const window = state.lists.get(key);
    if (ordered !== lastOrdered || window !== lastWindow) {
      result = reuseIfEqual(result, window?.loaded === true ? visibleConversations(ordered, window) : [], Object.is);
      lastOrdered = ordered;
      lastWindow = window;
    }
    return result;
  };
}

/** Return a selector of all conversations in order. A frame changes one of 50,000: the others are copied from the last
 * result instead of being looked up again.
 */
function createOrderedSelector(): (state: InboxState) => readonly Conversation[] {
  let last: InboxState | null = null;
  let result: readonly Conversation[] = [];
  return (state) => {
    if (last?.conversations !== state.conversations || last.order !== state.order) {
      const changes = last === null ? null : state.conversations.changesSince(last.conversations);
      result =
        last === null || changes === null
          ? orderedConversations(state)
          : updateOrdered(result, last.order, state, changes);
      last = state;
    }
    return result;
  };
}

/** Return `ordered` in the new order, looking up only the conversations that changed. */
function updateOrdered(
  ordered: readonly Conversation[],
  oldOrder: readonly string[],
  { conversations, order }: InboxState,
  changes: readonly string[],
): readonly Conversation[] {
  const changed = new Set(changes);
  const result: Conversation[] = [];
  for (let index = 0, old = 0; index < order.length; index += 1) {
    const id = order[index] ?? "";
    if (oldOrder[old] !== id && oldOrder[old + 1] === id) {
      old += 1; // the conversation at `old` moved elsewhere
    }
    const isInPlace = oldOrder[old] === id;
    const conversation = isInPlace && !changed.has(id) ? ordered[old] : conversations.get(id);
    old += isInPlace || order[index + 1] !== oldOrder[old] ? 1 : 0;
    if (conversation !== undefined) {
      result.push(conversation);
    }
  }
  return result;
}

/** Return a selector of the number of unread messages. It counts only the shards that changed. */
export function createUnreadCountSelector(): (state: InboxState) => number {
  let last: InboxState["conversations"] | null = null;
  let result = 0;
  const counts = new WeakMap<ReadonlyMap<string, Conversation>, number>();
  const countOf = (shard: ReadonlyMap<string, Conversation>): number => {
    const count = counts.get(shard) ?? [...shard.values()].reduce((sum, { unread_count }) => sum + unread_count, 0);
    counts.set(shard, count);
    return count;
  };
  return ({ conversations }) => {
    if (last !== conversations) {
      result = conversations.shards().reduce((sum, shard) => sum + (shard === undefined ? 0 : countOf(shard)), 0);
      last = conversations;
    }
    return result;
  };
}

/** Return a selector of the devices that are typing in a conversation. */
export function createTypingSelector(conversationId: string): (state: InboxState) => readonly Device[] {
  let result: readonly Device[] = [];
  return ({ typing }) => {
    const devices = typing.filter((entry) => entry.conversation_id === conversationId).map(({ who }) => who);
    result = reuseIfEqual(result, devices, isSameDevice);
    return result;
  };
}

/** Return a selector of the devices that view a conversation. */
export function createViewersSelector(conversationId: string): (state: InboxState) => readonly Device[] {
  let result: readonly Device[] = [];
  return ({ presence }) => {
    const devices = presence.filter((entry) => entry.viewing === conversationId).map(({ who }) => who);
    result = reuseIfEqual(result, devices, isSameDevice);
    return result;
  };
}

/** Return `last` if `next` has equal items. */
function reuseIfEqual<Item>(
  last: readonly Item[],
  next: readonly Item[],
  isEqual: (one: Item, other: Item) => boolean,
): readonly Item[] {
  const isUnchanged = next.length === last.length && next.every((item, index) => isEqual(item, last[index] as Item));
  return isUnchanged ? last : next;
}

function isSameDevice(one: Device, other: Device): boolean {
  return one.id === other.id && one.name === other.name;
}

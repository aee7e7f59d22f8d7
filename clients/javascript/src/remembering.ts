/** Selectors that remember what they said last: it stays the same object for as long as it says the same. */

import { conversationsOf, unreadCountOf } from "./selectors.js";
import { filterKey, type ConversationFilter, type InboxState } from "./state.js";
import type { Conversation, Who } from "./types.js";

/** Those of a list; computed anew only when something that it is made of has changed. */
export function listSelector(filter: ConversationFilter): (state: InboxState) => readonly Conversation[] {
  const key = filterKey(filter);
  let seen: InboxState | null = null;
  let last: readonly Conversation[] = [];
  return (state) => {
    const isUntouched =
      seen?.conversations === state.conversations && seen.order === state.order && seen.lists.get(key) === state.lists.get(key);
    last = isUntouched ? last : kept(last, conversationsOf(state, filter), Object.is);
    seen = state;
    return last;
  };
}

export function unreadCountSelector(): (state: InboxState) => number {
  let seen: InboxState["conversations"] | null = null;
  let last = 0;
  return ({ conversations }) => {
    last = seen === conversations ? last : unreadCountOf({ conversations });
    seen = conversations;
    return last;
  };
}

/** The devices that write in a conversation. */
export function typingSelector(conversationId: string): (state: InboxState) => readonly Who[] {
  let last: readonly Who[] = [];
  return ({ typing }) => {
    const here = typing.filter((one) => one.conversation_id === conversationId).map(({ who }) => who);
    last = kept(last, here, isSameDevice);
    return last;
  };
}

/** The devices that have a conversation on their screen. */
export function viewersSelector(conversationId: string): (state: InboxState) => readonly Who[] {
  let last: readonly Who[] = [];
  return ({ presence }) => {
    const here = presence.filter((one) => one.viewing === conversationId).map(({ who }) => who);
    last = kept(last, here, isSameDevice);
    return last;
  };
}

function kept<Item>(
  last: readonly Item[],
  next: readonly Item[],
  isSame: (one: Item, other: Item) => boolean,
): readonly Item[] {
  const says = next.length === last.length && next.every((item, index) => isSame(item, last[index] as Item));
  return says ? last : next;
}

function isSameDevice(one: Who, other: Who): boolean {
  return one.id === other.id && one.name === other.name;
}

/** Selectors that remember what they said last: it stays the same object for as long as it says the same. */

import { inOrder, shownOf } from "./selectors.js";
import { filterKey, type ConversationFilter, type ConversationWindow, type InboxState } from "./inbox-state.js";
import type { Conversation, Who } from "../protocol/types.js";

/** Those of a list; computed anew only when something that it is made of has changed. */
export function listSelector(filter: ConversationFilter): (state: InboxState) => readonly Conversation[] {
  const key = filterKey(filter);
  const ordered = orderSelector();
  let seen: readonly Conversation[] = [];
  let window: ConversationWindow | undefined;
  let last: readonly Conversation[] = [];
  return (state) => {
    const all = ordered(state);
    const now = state.lists.get(key);
    if (all !== seen || now !== window) {
      last = kept(last, now?.loaded === true ? shownOf(all, now) : [], Object.is);
      seen = all;
      window = now;
    }
    return last;
  };
}

/** All in order. Of 50,000 a frame changes one: the others are taken from what was said last, and not looked up anew. */
function orderSelector(): (state: InboxState) => readonly Conversation[] {
  let seen: InboxState | null = null;
  let last: readonly Conversation[] = [];
  return (state) => {
    if (seen?.conversations !== state.conversations || seen.order !== state.order) {
      const changes = seen === null ? null : state.conversations.changesSince(seen.conversations);
      last = seen === null || changes === null ? inOrder(state) : moved(last, seen.order, state, changes);
      seen = state;
    }
    return last;
  };
}

/** `last` in the new order, with what has changed looked up. */
function moved(
  last: readonly Conversation[],
  before: readonly string[],
  { conversations, order }: InboxState,
  changes: readonly string[],
): readonly Conversation[] {
  const changed = new Set(changes);
  const result: Conversation[] = [];
  for (let index = 0, old = 0; index < order.length; index += 1) {
    const id = order[index] ?? "";
    if (before[old] !== id && before[old + 1] === id) {
      old += 1; // the one between has gone to another place
    }
    const isHere = before[old] === id;
    const conversation = isHere && !changed.has(id) ? last[old] : conversations.get(id);
    old += isHere || order[index + 1] !== before[old] ? 1 : 0;
    if (conversation !== undefined) {
      result.push(conversation);
    }
  }
  return result;
}

export function unreadCountSelector(): (state: InboxState) => number {
  let seen: InboxState["conversations"] | null = null;
  let last = 0;
  const counts = new WeakMap<ReadonlyMap<string, Conversation>, number>();
  const countOf = (part: ReadonlyMap<string, Conversation>): number => {
    const count = counts.get(part) ?? [...part.values()].reduce((sum, { unread_count }) => sum + unread_count, 0);
    counts.set(part, count);
    return count;
  };
  return ({ conversations }) => {
    if (seen !== conversations) {
      last = conversations.parts().reduce((sum, part) => sum + (part === undefined ? 0 : countOf(part)), 0);
      seen = conversations;
    }
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

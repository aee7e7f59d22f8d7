/** Putting whole objects in the place of older ones. Every function returns what it was given where nothing changes. */

import { compareTexts } from "../protocol/timestamps.js";
import { compareMessages, comparePositions, placeOf, positionOf } from "./ordering.js";
import type { InboxState, Thread } from "./inbox-state.js";
import type { Account, Conversation, Message } from "../protocol/types.js";

/** Hold `conversation` unless a newer one is held; a new name renames the messages that came from there. */
export function holdConversation(state: InboxState, conversation: Conversation): InboxState {
  const id = conversation.conversation_id;
  const known = state.conversations.get(id);
  if (known !== undefined && isCurrent(known.last_seq, conversation.last_seq, known, conversation)) {
    return state;
  }
  const held = { ...state, conversations: state.conversations.with(id, conversation) };
  const moved =
    known === undefined || comparePositions(positionOf(known), positionOf(conversation)) !== 0
      ? { ...held, order: reordered(state, known, conversation) }
      : held;
  return known !== undefined && nameOf(known) === nameOf(conversation) ? moved : renamed(moved, conversation);
}

/** Hold all of these, as `holdConversation` each: for pages. */
export function holdConversations(state: InboxState, told: readonly Conversation[]): InboxState {
  const changed = new Map<string, Conversation>();
  for (const conversation of told) {
    const id = conversation.conversation_id;
    const known = changed.get(id) ?? state.conversations.get(id);
    if (known === undefined || !isCurrent(known.last_seq, conversation.last_seq, known, conversation)) {
      changed.set(id, conversation);
    }
  }
  if (changed.size === 0) {
    return state;
  }
  const conversations = state.conversations.withAll([...changed]);
  const held = { ...state, conversations, order: merged(state.order, conversations, changed) };
  return [...changed.values()].reduce((result, conversation) => {
    const known = state.conversations.get(conversation.conversation_id);
    return known !== undefined && nameOf(known) === nameOf(conversation) ? result : renamed(result, conversation);
  }, held);
}

/** The order with the changed ones at their places, in one pass. */
function merged(
  order: readonly string[],
  conversations: InboxState["conversations"],
  changed: ReadonlyMap<string, Conversation>,
): readonly string[] {
  const coming = [...changed.values()].sort((one, other) => comparePositions(positionOf(one), positionOf(other)));
  const staying = order.filter((id) => !changed.has(id));
  const result: string[] = [];
  let start = 0;
  for (const conversation of coming) {
    const end = placeIn({ conversations, order: staying }, conversation);
    for (; start < end; start += 1) {
      result.push(staying[start] ?? "");
    }
    result.push(conversation.conversation_id);
  }
  return result.concat(staying.slice(start));
}

/** Hold `message` unless a newer one is held. */
export function holdMessage(state: InboxState, message: Message): InboxState {
  const thread = state.threads.get(message.conversation_id) ?? emptyThread(message.conversation_id);
  const conversation = state.conversations.get(message.conversation_id);
  const messages = placed(thread.messages, conversation === undefined ? message : named(message, conversation));
  return messages === thread.messages
    ? state
    : { ...state, threads: state.threads.with(message.conversation_id, { ...thread, messages }) };
}

/** Hold `account`: the one that was told last counts. */
export function holdAccount(state: InboxState, account: Account): InboxState {
  const place = placeOf(state.accounts.length, (index) => compareAccounts(state.accounts[index] ?? account, account));
  const known = state.accounts[place];
  const isKnown = known !== undefined && compareAccounts(known, account) === 0;
  if (isKnown && isSame(known, account)) {
    return state;
  }
  return { ...state, accounts: state.accounts.toSpliced(place, isKnown ? 1 : 0, account) };
}

export function emptyThread(conversationId: string): Thread {
  return {
    conversation_id: conversationId,
    messages: [],
    since: null,
    loaded: false,
    loading: false,
    error: null,
    next: null,
  };
}

/** What the customer is called: by name, else by user name. */
export function nameOf(conversation: Conversation): string | null {
  return conversation.participant_name ?? conversation.participant_username;
}

function named(message: Message, conversation: Conversation): Message {
  const name = nameOf(conversation);
  return message.direction === "outgoing" || message.sender_name === name ? message : { ...message, sender_name: name };
}

function renamed(state: InboxState, conversation: Conversation): InboxState {
  const thread = state.threads.get(conversation.conversation_id);
  if (thread === undefined) {
    return state;
  }
  const messages = thread.messages.map((message) => named(message, conversation));
  return {
    ...state,
    threads: state.threads.with(conversation.conversation_id, { ...thread, messages }),
  };
}

function reordered(state: InboxState, known: Conversation | undefined, conversation: Conversation): readonly string[] {
  const order = state.order.slice();
  if (known !== undefined) {
    order.splice(placeIn(state, known), 1);
  }
  order.splice(placeIn({ conversations: state.conversations, order }, conversation), 0, conversation.conversation_id);
  return order;
}

function placeIn({ conversations, order }: Pick<InboxState, "conversations" | "order">, sought: Conversation): number {
  const place = positionOf(sought);
  return placeOf(order.length, (index) => {
    const conversation = conversations.get(order[index] ?? "");
    return conversation === undefined ? -1 : comparePositions(positionOf(conversation), place);
  });
}

/** Most messages that are told are new ones or among the newest, so it is searched from the end. */
function placed(messages: readonly Message[], message: Message): readonly Message[] {
  const index = messages.findLastIndex((held) => held.id === message.id);
  const known = messages[index];
  if (known !== undefined && isCurrent(known.seq, message.seq, known, message)) {
    return messages;
  }
  if (known !== undefined && compareMessages(known, message) === 0) {
    return messages.with(index, message);
  }
  const others = known === undefined ? [...messages] : messages.toSpliced(index, 1);
  others.splice(
    placeOf(others.length, (place) => compareMessages(others[place] ?? message, message)),
    0,
    message,
  );
  return others;
}

function compareAccounts(one: Account, other: Account): number {
  return compareTexts(one.platform, other.platform) || compareTexts(one.page_id, other.page_id);
}

/** Whether the held object is newer than the told one, or as new and just the same. */
function isCurrent(heldSeq: number, toldSeq: number, held: object, told: object): boolean {
  return heldSeq > toldSeq || (heldSeq === toldSeq && isSame(held, told));
}

/** Whether two told objects say the same, so that the held one may stay and nobody is made to look again. */
function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

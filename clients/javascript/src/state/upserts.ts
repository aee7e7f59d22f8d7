/** Inserting objects, or replacing older versions of them. Every function returns its input if nothing changes. */

import { compareStrings } from "../protocol/timestamps.js";
import type { Account, Conversation, Message } from "../protocol/types.js";
import type { InboxState, Thread } from "./inbox-state.js";
import { compareMessages, compareSortKeys, insertionIndex, sortKeyOf } from "./ordering.js";

/** Upsert a conversation unless the state has a newer version. A new name also renames the sender of its messages. */
export function upsertConversation(state: InboxState, conversation: Conversation): InboxState {
  const id = conversation.conversation_id;
  if (isRemoved(state, id, conversation.last_seq)) {
    return state;
  }
  const known = state.conversations.get(id);
  if (known !== undefined && isUpToDate(known.last_seq, conversation.last_seq, known, conversation)) {
    return state;
  }
  const updated = { ...state, conversations: state.conversations.with(id, conversation) };
  const sorted =
    known === undefined || compareSortKeys(sortKeyOf(known), sortKeyOf(conversation)) !== 0
      ? { ...updated, order: reorder(state, known, conversation) }
      : updated;
  return known !== undefined && displayName(known) === displayName(conversation)
    ? sorted
    : withParticipantName(sorted, conversation);
}

/** Upsert many conversations, such as a page: like `upsertConversation` for each, in one pass. */
export function upsertConversations(state: InboxState, conversations: readonly Conversation[]): InboxState {
  const changed = new Map<string, Conversation>();
  for (const conversation of conversations) {
    const id = conversation.conversation_id;
    const known = changed.get(id) ?? state.conversations.get(id);
    if (isRemoved(state, id, conversation.last_seq)) {
      continue;
    }
    if (known === undefined || !isUpToDate(known.last_seq, conversation.last_seq, known, conversation)) {
      changed.set(id, conversation);
    }
  }
  if (changed.size === 0) {
    return state;
  }
  const all = state.conversations.withAll([...changed]);
  const updated = { ...state, conversations: all, order: mergeOrder(state.order, all, changed) };
  return [...changed.values()].reduce((result, conversation) => {
    const known = state.conversations.get(conversation.conversation_id);
    return known !== undefined && displayName(known) === displayName(conversation)
      ? result
      : withParticipantName(result, conversation);
  }, updated);
}

/** Upsert a message unless the state has a newer version. */
export function upsertMessage(state: InboxState, message: Message): InboxState {
  if (isRemoved(state, message.conversation_id, message.seq)) {
    return state;
  }
  const thread = state.threads.get(message.conversation_id) ?? emptyThread(message.conversation_id);
  const conversation = state.conversations.get(message.conversation_id);
  const messages = upsertInto(
    thread.messages,
    conversation === undefined ? message : withSenderName(message, conversation),
  );
  return messages === thread.messages
    ? state
    : { ...state, threads: state.threads.with(message.conversation_id, { ...thread, messages }) };
}

/** Remove a conversation with everything of it, as of `seq`: older versions that arrive later stay out. */
export function removeConversation(state: InboxState, conversationId: string, seq: number): InboxState {
  return {
    ...state,
    conversations: state.conversations.without(conversationId),
    order: state.order.filter((id) => id !== conversationId),
    threads: state.threads.without(conversationId),
    typing: state.typing.filter((entry) => entry.conversation_id !== conversationId),
    removed: new Map(state.removed).set(conversationId, seq),
  };
}

function isRemoved(state: InboxState, conversationId: string, seq: number): boolean {
  return seq <= (state.removed.get(conversationId) ?? 0);
}

/** Upsert an account. Accounts carry no `seq`: the last one received wins. */
export function upsertAccount(state: InboxState, account: Account): InboxState {
  const index = insertionIndex(state.accounts.length, (at) => compareAccounts(state.accounts[at] ?? account, account));
  const found = state.accounts[index];
  const isKnown = found !== undefined && compareAccounts(found, account) === 0;
  if (isKnown && isEqual(found, account)) {
    return state;
  }
  return { ...state, accounts: state.accounts.toSpliced(index, isKnown ? 1 : 0, account) };
}

export function emptyThread(conversationId: string): Thread {
  return {
    conversation_id: conversationId,
    messages: [],
    loadedFrom: null,
    loaded: false,
    loading: false,
    error: null,
    next: null,
  };
}

/** Return the order with the changed conversations at their new places, in one pass. */
function mergeOrder(
  order: readonly string[],
  conversations: InboxState["conversations"],
  changed: ReadonlyMap<string, Conversation>,
): readonly string[] {
  const moving = [...changed.values()].sort((one, other) => compareSortKeys(sortKeyOf(one), sortKeyOf(other)));
  const staying = order.filter((id) => !changed.has(id));
  const result: string[] = [];
  let start = 0;
  for (const conversation of moving) {
    const end = indexInOrder({ conversations, order: staying }, conversation);
    for (; start < end; start += 1) {
      result.push(staying[start] ?? "");
    }
    result.push(conversation.conversation_id);
  }
  return result.concat(staying.slice(start));
}

function reorder(state: InboxState, known: Conversation | undefined, conversation: Conversation): readonly string[] {
  const order = state.order.slice();
  if (known !== undefined) {
    order.splice(indexInOrder(state, known), 1);
  }
  const index = indexInOrder({ conversations: state.conversations, order }, conversation);
  order.splice(index, 0, conversation.conversation_id);
  return order;
}

function indexInOrder(
  { conversations, order }: Pick<InboxState, "conversations" | "order">,
  conversation: Conversation,
): number {
  const key = sortKeyOf(conversation);
  return insertionIndex(order.length, (index) => {
    const entry = conversations.get(order[index] ?? "");
    return entry === undefined ? -1 : compareSortKeys(sortKeyOf(entry), key);
  });
}

/** Search from the end: most messages that arrive are new, or among the newest. */
function upsertInto(messages: readonly Message[], message: Message): readonly Message[] {
  const index = messages.findLastIndex((entry) => entry.id === message.id);
  const known = messages[index];
  if (known !== undefined && isUpToDate(known.seq, message.seq, known, message)) {
    return messages;
  }
  if (known !== undefined && compareMessages(known, message) === 0) {
    return messages.with(index, message);
  }
  const others = known === undefined ? [...messages] : messages.toSpliced(index, 1);
  others.splice(
    insertionIndex(others.length, (at) => compareMessages(others[at] ?? message, message)),
    0,
    message,
  );
  return others;
}

/** The name of the customer, else the user name. */
function displayName(conversation: Conversation): string | null {
  return conversation.participant_name ?? conversation.participant_username;
}

function withSenderName(message: Message, conversation: Conversation): Message {
  const name = displayName(conversation);
  return message.direction === "outgoing" || message.sender_name === name ? message : { ...message, sender_name: name };
}

/** Rename the sender of the loaded messages. */
function withParticipantName(state: InboxState, conversation: Conversation): InboxState {
  const thread = state.threads.get(conversation.conversation_id);
  if (thread === undefined) {
    return state;
  }
  const messages = thread.messages.map((message) => withSenderName(message, conversation));
  return {
    ...state,
    threads: state.threads.with(conversation.conversation_id, { ...thread, messages }),
  };
}

function compareAccounts(one: Account, other: Account): number {
  return compareStrings(one.platform, other.platform) || compareStrings(one.page_id, other.page_id);
}

/** Whether the known object is newer than the received one, or of the same version with the same content. */
function isUpToDate(knownSeq: number, receivedSeq: number, known: object, received: object): boolean {
  return knownSeq > receivedSeq || (knownSeq === receivedSeq && isEqual(known, received));
}

/** Whether two received objects have the same content. Keeping the known object then avoids a rendering. */
function isEqual(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

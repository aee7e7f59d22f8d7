/** The pure heart: (state, event) to state. The rules are those of docs/protocol.md, held to by tests/contract/vectors. */

import { emptyThread, holdAccount, holdConversation, holdConversations, holdMessage } from "./upserts.js";
import { compareInstants, compareTexts } from "../protocol/timestamps.js";
import { advance } from "./log-position.js";
import { positionOf } from "./ordering.js";
import {
  emptyInbox,
  filterKey,
  type ConversationFilter,
  type ConversationWindow,
  type InboxState,
  type Thread,
} from "./inbox-state.js";
import type { Account, AnyFrame, Conversation, KnownFrame, Message, MessageFrame } from "../protocol/types.js";

/** One answer of the server: a part of a list, newest first. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Where the next one is; `null` where this was the last. */
  readonly next: string | null;
  /** `Inbox-Seq`: every change up to this one is in it. */
  readonly seq: number;
  /** `Inbox-Epoch`. */
  readonly epoch: string;
}

/** First pages of all that is shown. */
export interface Snapshot {
  readonly lists: readonly { readonly filter: ConversationFilter; readonly page: Page<Conversation> }[];
  readonly threads: readonly { readonly conversationId: string; readonly page: Page<Message> }[];
  /** The conversations of threads that stand further down in the lists. */
  readonly unlisted: readonly Page<Conversation>[];
  /** `null` where they cannot be asked for: those that are held stay. */
  readonly accounts: readonly Account[] | null;
}

export type InboxEvent =
  /** A frame of the server, exactly as it was sent. */
  | { readonly type: "frame"; readonly frame: AnyFrame }
  /** The last connection is gone and another one is opened. */
  | { readonly type: "connecting" }
  /** First pages, from which the log is followed: for a client that holds nothing. */
  | { readonly type: "begun"; readonly snapshot: Snapshot }
  /** The same, in the place of what cannot be continued. */
  | { readonly type: "loaded"; readonly snapshot: Snapshot }
  /** A page that was asked for while `generation` was that of the state; `after` is the cursor, `null` for the first. */
  | {
      readonly type: "conversations";
      readonly filter: ConversationFilter;
      readonly generation: number;
      readonly after: string | null;
      readonly page: Page<Conversation>;
    }
  | {
      readonly type: "messages";
      readonly conversationId: string;
      readonly generation: number;
      readonly after: string | null;
      readonly page: Page<Message>;
    }
  | { readonly type: "accounts"; readonly generation: number; readonly accounts: readonly Account[] }
  /** A whole conversation that some other answer contained. */
  | { readonly type: "told"; readonly generation: number; readonly conversation: Conversation }
  /** A page was asked for. */
  | { readonly type: "listLoading"; readonly filter: ConversationFilter }
  | { readonly type: "threadLoading"; readonly conversationId: string }
  /** A page could not be had. */
  | { readonly type: "listFailed"; readonly filter: ConversationFilter; readonly error: string }
  | { readonly type: "threadFailed"; readonly conversationId: string; readonly error: string }
  /** Nobody looks at it: its messages may go. */
  | { readonly type: "forgotten"; readonly conversationId: string }
  /** It is now that late, milliseconds since 1970. */
  | { readonly type: "time"; readonly now: number };

/** While REST is away a log goes on: more frames than these are not kept. */
const MOST_WAITING = 5_000;
const ASKED = { loading: true, error: null } as const;
const ANSWERED = { loading: false, error: null } as const;

/** Return the state after `event`; `state` itself where nothing has changed. */
export function reduce(state: InboxState, event: InboxEvent): InboxState {
  switch (event.type) {
    case "frame":
      return onFrame(state, event.frame);
    case "connecting":
      return state.reconnect || state.presence.length > 0 ? { ...state, reconnect: false, presence: [] } : state;
    case "begun":
      return begun(state, event.snapshot);
    case "loaded":
      return loaded(state, event.snapshot);
    case "conversations":
      return fits(state, event)
        ? withConversations(state, event.filter, event.page, event.after)
        : withList(state, event.filter, ANSWERED);
    case "messages":
      return fits(state, event)
        ? withMessages(state, event.conversationId, event.page, event.after)
        : withThread(state, event.conversationId, ANSWERED);
    case "accounts":
      return event.generation === state.generation && !state.needsReload
        ? event.accounts.reduce(holdAccount, state)
        : state;
    case "told":
      return event.generation === state.generation && !state.needsReload
        ? holdConversation(state, event.conversation)
        : state;
    case "listLoading":
      return withList(state, event.filter, ASKED);
    case "threadLoading":
      return withThread(state, event.conversationId, ASKED);
    case "listFailed":
      return withList(state, event.filter, { loading: false, error: event.error });
    case "threadFailed":
      return withThread(state, event.conversationId, { loading: false, error: event.error });
    case "forgotten":
      return forgotten(state, event.conversationId);
    case "time":
      return { ...state, now: event.now, typing: stillTyping(state, event.now) };
  }
}

function onFrame(before: InboxState, frame: AnyFrame): InboxState {
  const [state, verdict] = advance(before, frame);
  switch (verdict) {
    case "drop":
      return state;
    case "wait":
      // Whoever loads sees that nothing waits any more: only what knows of this frame can be continued from then.
      return { ...state, waiting: state.waiting.length < MOST_WAITING ? [...state.waiting, frame] : [] };
    case "restart":
      return { ...state, waiting: [] };
    case "apply":
      return frame.seq !== undefined && frame.seq <= state.loadedSeq ? state : applied(state, frame as KnownFrame);
  }
}

function applied(state: InboxState, frame: KnownFrame): InboxState {
  switch (frame.type) {
    case "new_message":
    case "message_updated":
      return withTold(state, frame);
    case "conversation_updated":
      return holdConversation(state, frame.data.conversation);
    case "account_updated":
      return holdAccount(state, frame.data.account);
    case "typing": {
      const { conversation_id, who, until } = frame.data;
      const others = state.typing.filter((one) => one.conversation_id !== conversation_id || one.who.id !== who.id);
      const typing = [...others, { conversation_id, who, until }].sort(
        (one, other) =>
          compareTexts(one.conversation_id, other.conversation_id) || compareTexts(one.who.id, other.who.id),
      );
      return { ...state, typing: stillTyping({ typing }, state.now) };
    }
    case "presence": {
      const { who, online, viewing } = frame.data;
      const others = state.presence.filter((one) => one.who.id !== who.id);
      const presence = online ? [...others, { who, viewing }] : others;
      return { ...state, presence: presence.sort((one, other) => compareTexts(one.who.id, other.who.id)) };
    }
    default:
      return state; // what is not known says nothing to this version
  }
}

function withTold(state: InboxState, frame: MessageFrame): InboxState {
  const { conversation, message, conversation_id } = frame.data;
  const held = holdMessage(holdConversation(state, conversation), message);
  const isAnswer = frame.type === "new_message" && message.direction === "outgoing";
  const typing = held.typing.filter((one) => !isAnswer || one.conversation_id !== conversation_id);
  return typing.length === held.typing.length ? held : { ...held, typing };
}

function stillTyping({ typing }: Pick<InboxState, "typing">, now: number | null): InboxState["typing"] {
  const still = typing.filter((one) => now === null || compareInstants(one.until, new Date(now).toISOString()) > 0);
  return still.length === typing.length ? typing : still;
}

function begun(state: InboxState, snapshot: Snapshot): InboxState {
  const [first] = pages(snapshot);
  return first === undefined
    ? state
    : loaded({ ...state, epoch: first.epoch, position: lowestSeq(snapshot), needsReload: true, waiting: [] }, snapshot);
}

function loaded(state: InboxState, snapshot: Snapshot): InboxState {
  if (pages(snapshot).some((page) => page.epoch !== state.epoch)) {
    return state;
  }
  const loadedSeq = lowestSeq(snapshot);
  let next: InboxState = {
    ...state,
    conversations: emptyInbox.conversations,
    order: emptyInbox.order,
    threads: emptyInbox.threads,
    lists: emptyInbox.lists,
    accounts: snapshot.accounts === null ? state.accounts : [],
    needsReload: false,
    waiting: [],
    loadedSeq,
    generation: state.generation + 1,
  };
  next = snapshot.lists.reduce((held, { filter, page }) => withConversations(held, filter, page, null), next);
  next = snapshot.unlisted.reduce((held, page) => holdConversations(held, page.items), next);
  next = snapshot.threads.reduce(
    (held, { conversationId, page }) => withMessages(held, conversationId, page, null),
    next,
  );
  next = (snapshot.accounts ?? []).reduce(holdAccount, next);
  return state.waiting
    .filter((frame) => (frame.seq ?? 0) > loadedSeq)
    .reduce((held, frame) => applied(held, frame as KnownFrame), next);
}

function pages(snapshot: Snapshot): readonly Page<unknown>[] {
  return [...[...snapshot.lists, ...snapshot.threads].map(({ page }) => page), ...snapshot.unlisted];
}

function lowestSeq(snapshot: Snapshot): number {
  return Math.min(...pages(snapshot).map((page) => page.seq));
}

/** Whether a page may be added: it is of the same log, and of the lists that are held. */
function fits(state: InboxState, event: { readonly generation: number; readonly page: Page<unknown> }): boolean {
  return !state.needsReload && event.generation === state.generation && event.page.epoch === state.epoch;
}

function withConversations(
  state: InboxState,
  filter: ConversationFilter,
  page: Page<Conversation>,
  after: string | null,
): InboxState {
  const held = holdConversations(state, page.items);
  const window = state.lists.get(filterKey(filter));
  if (after !== (window?.next ?? null) && after !== null) {
    return withList(held, filter, ANSWERED); // it was asked for twice: the list goes on from another place by now
  }
  const last = page.items.at(-1);
  const until = page.next === null ? null : last === undefined ? (window?.until ?? null) : positionOf(last);
  return withList(held, filter, { ...ANSWERED, loaded: true, next: page.next, until });
}

function withMessages(
  state: InboxState,
  conversationId: string,
  page: Page<Message>,
  after: string | null,
): InboxState {
  const held = page.items.reduce(holdMessage, state);
  const thread = held.threads.get(conversationId) ?? emptyThread(conversationId);
  if (after !== null && after !== thread.next) {
    return withThread(held, conversationId, ANSWERED);
  }
  const oldest = page.items.at(-1);
  const since = page.next === null ? null : (oldest ?? thread.since);
  return withThread(held, conversationId, { ...ANSWERED, loaded: true, next: page.next, since });
}

function withList(state: InboxState, filter: ConversationFilter, change: Partial<ConversationWindow>): InboxState {
  const key = filterKey(filter);
  const before = state.lists.get(key) ?? {
    filter,
    until: null,
    loaded: false,
    loading: false,
    error: null,
    next: null,
  };
  const after = changed(before, change);
  return after === state.lists.get(key) ? state : { ...state, lists: new Map(state.lists).set(key, after) };
}

function withThread(state: InboxState, conversationId: string, change: Partial<Thread>): InboxState {
  const before = state.threads.get(conversationId) ?? emptyThread(conversationId);
  const threads = state.threads.with(conversationId, changed(before, change));
  return threads === state.threads ? state : { ...state, threads };
}

/** `before` itself where the change says nothing new. */
function changed<Part extends object>(before: Part, change: Partial<Part>): Part {
  const isSame = Object.entries(change).every(([name, value]) => before[name as keyof Part] === value);
  return isSame ? before : { ...before, ...change };
}

function forgotten(state: InboxState, conversationId: string): InboxState {
  const threads = state.threads.without(conversationId);
  return threads === state.threads ? state : { ...state, threads };
}

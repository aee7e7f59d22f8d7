/** Applying what was loaded over REST: snapshots, further pages, and how far each list is loaded. */

import type { Conversation, ConversationFilter, KnownFrame, ListPage, Message } from "../protocol/types.js";
import type { Snapshot } from "./actions.js";
import { applyFrame } from "./frames.js";
import { emptyInbox, filterKey, type ConversationWindow, type InboxState, type Thread } from "./inbox-state.js";
import { sortKeyOf } from "./ordering.js";
import { emptyThread, upsertAccount, upsertConversations, upsertMessage } from "./upserts.js";

export const LOADING = { loading: true, error: null } as const;
export const NOT_LOADING = { loading: false, error: null } as const;

/** Start from a first snapshot: its lowest `seq` becomes the position to follow the log from. */
export function initialize(state: InboxState, snapshot: Snapshot): InboxState {
  const [first] = pagesOf(snapshot);
  if (first === undefined) {
    return state;
  }
  const position = lowestSeq(snapshot);
  return replaceAll({ ...state, epoch: first.epoch, position, needsReload: true, pendingFrames: [] }, snapshot);
}

/** Replace everything with a snapshot, then apply the frames that arrived meanwhile. A snapshot of another epoch is
 * discarded.
 */
export function replaceAll(state: InboxState, snapshot: Snapshot): InboxState {
  if (pagesOf(snapshot).some((page) => page.epoch !== state.epoch)) {
    return state;
  }
  const snapshotSeq = lowestSeq(snapshot);
  let next: InboxState = {
    ...state,
    conversations: emptyInbox.conversations,
    order: emptyInbox.order,
    threads: emptyInbox.threads,
    lists: emptyInbox.lists,
    removed: emptyInbox.removed,
    accounts: snapshot.accounts === null ? state.accounts : [],
    needsReload: false,
    pendingFrames: [],
    snapshotSeq,
    generation: state.generation + 1,
  };
  next = snapshot.lists.reduce((result, { filter, page }) => addConversations(result, filter, page, null), next);
  next = snapshot.unlisted.reduce((result, page) => upsertConversations(result, page.items), next);
  next = snapshot.threads.reduce(
    (result, { conversationId, page }) => addMessages(result, conversationId, page, null),
    next,
  );
  next = (snapshot.accounts ?? []).reduce(upsertAccount, next);
  return state.pendingFrames
    .filter((frame) => (frame.seq ?? 0) > snapshotSeq)
    .reduce((result, frame) => applyFrame(result, frame as KnownFrame), next);
}

/** Add a page to a list of conversations. */
export function addConversations(
  state: InboxState,
  filter: ConversationFilter,
  page: ListPage<Conversation>,
  after: string | null,
): InboxState {
  const next = upsertConversations(state, page.items);
  const window = state.lists.get(filterKey(filter));
  if (after !== (window?.next ?? null) && after !== null) {
    return patchList(next, filter, NOT_LOADING); // requested twice: the list already continues from another cursor
  }
  const last = page.items.at(-1);
  const loadedTo = page.next === null ? null : last === undefined ? (window?.loadedTo ?? null) : sortKeyOf(last);
  return patchList(next, filter, { ...NOT_LOADING, loaded: true, next: page.next, loadedTo });
}

/** Add a page to the messages of a conversation. */
export function addMessages(
  state: InboxState,
  conversationId: string,
  page: ListPage<Message>,
  after: string | null,
): InboxState {
  const next = page.items.reduce(upsertMessage, state);
  const thread = next.threads.get(conversationId) ?? emptyThread(conversationId);
  if (after !== null && after !== thread.next) {
    return patchThread(next, conversationId, NOT_LOADING);
  }
  const oldest = page.items.at(-1);
  const loadedFrom = page.next === null ? null : (oldest ?? thread.loadedFrom);
  return patchThread(next, conversationId, { ...NOT_LOADING, loaded: true, next: page.next, loadedFrom });
}

export function patchList(
  state: InboxState,
  filter: ConversationFilter,
  patch: Partial<ConversationWindow>,
): InboxState {
  const key = filterKey(filter);
  const before = state.lists.get(key) ?? {
    filter,
    loadedTo: null,
    loaded: false,
    loading: false,
    error: null,
    next: null,
  };
  const after = patched(before, patch);
  return after === state.lists.get(key) ? state : { ...state, lists: new Map(state.lists).set(key, after) };
}

export function patchThread(state: InboxState, conversationId: string, patch: Partial<Thread>): InboxState {
  const before = state.threads.get(conversationId) ?? emptyThread(conversationId);
  const threads = state.threads.with(conversationId, patched(before, patch));
  return threads === state.threads ? state : { ...state, threads };
}

/** Return `before` itself if the patch changes nothing. */
function patched<Part extends object>(before: Part, patch: Partial<Part>): Part {
  const isUnchanged = Object.entries(patch).every(([name, value]) => before[name as keyof Part] === value);
  return isUnchanged ? before : { ...before, ...patch };
}

function pagesOf(snapshot: Snapshot): readonly ListPage<unknown>[] {
  return [...[...snapshot.lists, ...snapshot.threads].map(({ page }) => page), ...snapshot.unlisted];
}

function lowestSeq(snapshot: Snapshot): number {
  return Math.min(...pagesOf(snapshot).map((page) => page.seq));
}

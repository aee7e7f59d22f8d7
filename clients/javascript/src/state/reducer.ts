/** The reducer: state and action in, next state out. docs/protocol.md has the rules; tests/contract/vectors verify them. */

import type { AnyFrame, KnownFrame, ListPage } from "../protocol/types.js";
import type { InboxAction } from "./actions.js";
import { activeTyping, applyFrame } from "./frames.js";
import type { InboxState } from "./inbox-state.js";
import {
  addConversations,
  addMessages,
  initialize,
  LOADING,
  NOT_LOADING,
  patchList,
  patchThread,
  replaceAll,
} from "./loads.js";
import { advance } from "./log-position.js";
import { upsertAccount, upsertConversation } from "./upserts.js";

/** Frames are kept up to this number while REST is unavailable and the log goes on. */
const MAX_PENDING_FRAMES = 5_000;

/** Return the state after an action; `state` itself if nothing changed. */
export function reduce(state: InboxState, action: InboxAction): InboxState {
  switch (action.type) {
    case "frame":
      return onFrame(state, action.frame);
    case "connecting":
      return state.needsReconnect || state.presence.length > 0
        ? { ...state, needsReconnect: false, presence: [] }
        : state;
    case "initialized":
      return initialize(state, action.snapshot);
    case "reloaded":
      return replaceAll(state, action.snapshot);
    case "conversationsLoaded":
      return isCurrentPage(state, action)
        ? addConversations(state, action.filter, action.page, action.after)
        : patchList(state, action.filter, NOT_LOADING);
    case "messagesLoaded":
      return isCurrentPage(state, action)
        ? addMessages(state, action.conversationId, action.page, action.after)
        : patchThread(state, action.conversationId, NOT_LOADING);
    case "accountsLoaded":
      return isCurrent(state, action) ? action.accounts.reduce(upsertAccount, state) : state;
    case "conversationReceived":
      return isCurrent(state, action) ? upsertConversation(state, action.conversation) : state;
    case "listLoading":
      return patchList(state, action.filter, LOADING);
    case "threadLoading":
      return patchThread(state, action.conversationId, LOADING);
    case "listFailed":
      return patchList(state, action.filter, { loading: false, error: action.error });
    case "threadFailed":
      return patchThread(state, action.conversationId, { loading: false, error: action.error });
    case "threadEvicted":
      return evictThread(state, action.conversationId);
    case "tick":
      return { ...state, now: action.now, typing: activeTyping(state.typing, action.now) };
  }
}

function onFrame(before: InboxState, frame: AnyFrame): InboxState {
  const [state, disposition] = advance(before, frame);
  switch (disposition) {
    case "ignore":
      return state;
    case "defer":
      // With one frame too many all are discarded. The loader notices the empty list: the load has to include this frame.
      return {
        ...state,
        pendingFrames: state.pendingFrames.length < MAX_PENDING_FRAMES ? [...state.pendingFrames, frame] : [],
      };
    case "reset":
      return { ...state, pendingFrames: [] };
    case "apply":
      return frame.seq !== undefined && frame.seq <= state.snapshotSeq ? state : applyFrame(state, frame as KnownFrame);
  }
}

/** Whether a response was requested for the current lists, so that it may be added to them. */
function isCurrent(state: InboxState, { generation }: { readonly generation: number }): boolean {
  return !state.needsReload && generation === state.generation;
}

function isCurrentPage(
  state: InboxState,
  action: { readonly generation: number; readonly page: ListPage<unknown> },
): boolean {
  return isCurrent(state, action) && action.page.epoch === state.epoch;
}

function evictThread(state: InboxState, conversationId: string): InboxState {
  const threads = state.threads.without(conversationId);
  return threads === state.threads ? state : { ...state, threads };
}

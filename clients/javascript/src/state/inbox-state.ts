/** The state of one user's inbox: one immutable value. Parts that do not change stay the same objects. */

import type {
  Account,
  AnyFrame,
  Conversation,
  ConversationFilter,
  Device,
  Message,
  Timestamp,
} from "../protocol/types.js";
import { emptyIdMap, type IdMap } from "./id-map.js";
import { initialLogPosition, type LogPosition } from "./log-position.js";

/** How much of a list is loaded. The server returns lists in pages, newest first. */
export interface PagingState {
  /** Whether the first page is loaded. */
  readonly loaded: boolean;
  /** Whether a page is being loaded. */
  readonly loading: boolean;
  /** Why the last load failed, as a sentence; `null` if it succeeded. */
  readonly error: string | null;
  /** The cursor of the next page; `null` if there is none. */
  readonly next: string | null;
}

/** The loaded part of a list of conversations. */
export interface ConversationWindow extends PagingState {
  readonly filter: ConversationFilter;
  /** The last conversation of the loaded pages; `null` if the list is loaded to its end. Conversations beyond it are known
   * only in part, so selectors leave them out.
   */
  readonly loadedTo: ConversationSortKey | null;
}

/** The loaded messages of one conversation. */
export interface Thread extends PagingState {
  readonly conversation_id: string;
  /** All known messages, oldest first. May include updated messages that are older than the loaded pages. */
  readonly messages: readonly Message[];
  /** The oldest message of the loaded pages; `null` if the thread is loaded to its start. */
  readonly loadedFrom: Message | null;
}

/** The place of a conversation in its list. */
export interface ConversationSortKey {
  readonly at: Timestamp | null;
  readonly conversation_id: string;
}

/** A device that is typing in a conversation. */
export interface Typing {
  readonly conversation_id: string;
  readonly who: Device;
  readonly until: Timestamp;
}

/** A device that is online. */
export interface Presence {
  readonly who: Device;
  /** The conversation on its screen. */
  readonly viewing: string | null;
}

export interface InboxState extends LogPosition {
  /** All known conversations, by ID. */
  readonly conversations: IdMap<Conversation>;
  /** The IDs of all known conversations, newest first. */
  readonly order: readonly string[];
  /** By conversation ID. */
  readonly threads: IdMap<Thread>;
  /** By `filterKey`. */
  readonly lists: ReadonlyMap<string, ConversationWindow>;
  /** The `seq` at which conversations were removed, by ID: what is older is not added again. */
  readonly removed: ReadonlyMap<string, number>;
  /** Sorted by platform, then page. */
  readonly accounts: readonly Account[];
  readonly typing: readonly Typing[];
  /** Sorted by device ID. */
  readonly presence: readonly Presence[];
  /** Frames that arrived while the state has to be loaded, at most 5,000. One more discards all: the load then has to
   * include them.
   */
  readonly pendingFrames: readonly AnyFrame[];
  /** The loaded lists include every change up to this `seq`. */
  readonly snapshotSeq: number;
  /** How often the state was replaced. A page that was requested in an earlier generation is discarded. */
  readonly generation: number;
  /** The time of the last `tick`, milliseconds since 1970; `null` before the first. */
  readonly now: number | null;
}

/** The state before anything is loaded. */
export const emptyInbox: InboxState = {
  ...initialLogPosition,
  conversations: emptyIdMap(),
  order: [],
  threads: emptyIdMap(),
  lists: new Map(),
  removed: new Map(),
  accounts: [],
  typing: [],
  presence: [],
  pendingFrames: [],
  snapshotSeq: 0,
  generation: 0,
  now: null,
};

/** Return the key of a filter in `InboxState.lists`: equal filters have equal keys. */
export function filterKey(filter: ConversationFilter): string {
  return `${filter.platform ?? "all"}${filter.unread === true ? ":unread" : ""}`;
}

/** Everything that a client holds of one user's inbox, as one immutable value. Unchanged parts stay the same objects. */

import { emptyIdMap, type IdMap } from "./id-map.js";
import type { Account, AnyFrame, Conversation, Instant, Message, Platform, Who } from "../protocol/types.js";

/** Which conversations a list shows. */
export interface ConversationFilter {
  readonly platform?: Platform | undefined;
  readonly unread?: boolean | undefined;
}

/** How much of a list is here, which the server hands out in pages, newest first. */
export interface Window {
  /** Whether its first page has come. */
  readonly loaded: boolean;
  readonly loading: boolean;
  /** Why the last load failed, as a sentence; `null` where it did not. */
  readonly error: string | null;
  /** Where the next page is; `null` when everything has come. */
  readonly next: string | null;
}

/** The part of a list of conversations that is here: `shown` says from which one on it is not known yet. */
export interface ConversationWindow extends Window {
  readonly filter: ConversationFilter;
  /** The last one of the pages that came; `null` when all have. */
  readonly until: Position | null;
}

/** The messages of one conversation that are here. */
export interface Thread extends Window {
  readonly conversation_id: string;
  /** All that are held, oldest first: also what an update told of older ones than those which were loaded. */
  readonly messages: readonly Message[];
  /** The oldest one of the pages that came; `null` when all have. */
  readonly since: Message | null;
}

/** A place in a list of conversations. */
export interface Position {
  readonly at: Instant | null;
  readonly conversation_id: string;
}

/** A device that writes in a conversation. */
export interface Typing {
  readonly conversation_id: string;
  readonly who: Who;
  readonly until: Instant;
}

/** A device that is there, and what is on its screen. */
export interface Presence {
  readonly who: Who;
  readonly viewing: string | null;
}

export interface InboxState {
  readonly conversations: IdMap<Conversation>;
  /** The ids of all that are held: newest first. */
  readonly order: readonly string[];
  readonly threads: IdMap<Thread>;
  /** By `filterKey`. */
  readonly lists: ReadonlyMap<string, ConversationWindow>;
  /** By platform, then page. */
  readonly accounts: readonly Account[];
  readonly typing: readonly Typing[];
  /** By `who.id`. */
  readonly presence: readonly Presence[];
  /** The highest `seq` handled; `null` before anything was loaded or heard. */
  readonly position: number | null;
  /** The epoch that `position` is from. */
  readonly epoch: string | null;
  /** Whether everything has to be loaded over REST before what is held can be trusted. */
  readonly needsReload: boolean;
  /** Whether this connection has to be given up: something was lost on it. */
  readonly reconnect: boolean;
  /** Frames that came while everything had to be loaded, at most 5,000: with one more all go, and are in what is loaded later. */
  readonly waiting: readonly AnyFrame[];
  /** Up to here the loaded lists contain everything. */
  readonly loadedSeq: number;
  /** How often everything was replaced: a page that was asked for before has no place any more. */
  readonly generation: number;
  /** The client's clock, milliseconds since 1970, as the last `time` told it. */
  readonly now: number | null;
}

export const emptyInbox: InboxState = {
  conversations: emptyIdMap(),
  order: [],
  threads: emptyIdMap(),
  lists: new Map(),
  accounts: [],
  typing: [],
  presence: [],
  position: null,
  epoch: null,
  needsReload: true,
  reconnect: false,
  waiting: [],
  loadedSeq: 0,
  generation: 0,
  now: null,
};

/** The name of a filter, equal for equal ones. */
export function filterKey(filter: ConversationFilter): string {
  return `${filter.platform ?? "all"}${filter.unread === true ? ":unread" : ""}`;
}

/** The actions of the reducer. */

import type { Account, AnyFrame, Conversation, ConversationFilter, ListPage, Message } from "../protocol/types.js";

/** The first pages of everything that is shown. */
export interface Snapshot {
  readonly lists: readonly { readonly filter: ConversationFilter; readonly page: ListPage<Conversation> }[];
  readonly threads: readonly { readonly conversationId: string; readonly page: ListPage<Message> }[];
  /** Conversations of `threads` that are on no page of `lists`. */
  readonly unlisted: readonly ListPage<Conversation>[];
  /** `null` if the user may not list accounts: the known accounts stay. */
  readonly accounts: readonly Account[] | null;
}

export type InboxAction =
  /** A frame arrived; exactly as the server sent it. */
  | { readonly type: "frame"; readonly frame: AnyFrame }
  /** A new connection replaces the last one. */
  | { readonly type: "connecting" }
  /** The first snapshot is loaded. The client follows the log from its position. */
  | { readonly type: "initialized"; readonly snapshot: Snapshot }
  /** A snapshot is loaded that replaces a state which frames cannot bring up to date. */
  | { readonly type: "reloaded"; readonly snapshot: Snapshot }
  /** A page is loaded. `generation` is that of the state when the page was requested; `after` is the cursor of the request,
   * `null` for the first page.
   */
  | {
      readonly type: "conversationsLoaded";
      readonly filter: ConversationFilter;
      readonly generation: number;
      readonly after: string | null;
      readonly page: ListPage<Conversation>;
    }
  | {
      readonly type: "messagesLoaded";
      readonly conversationId: string;
      readonly generation: number;
      readonly after: string | null;
      readonly page: ListPage<Message>;
    }
  | { readonly type: "accountsLoaded"; readonly generation: number; readonly accounts: readonly Account[] }
  /** Another response contained a conversation. */
  | { readonly type: "conversationReceived"; readonly generation: number; readonly conversation: Conversation }
  /** A page is being loaded. */
  | { readonly type: "listLoading"; readonly filter: ConversationFilter }
  | { readonly type: "threadLoading"; readonly conversationId: string }
  /** Loading a page failed; `error` is a sentence. */
  | { readonly type: "listFailed"; readonly filter: ConversationFilter; readonly error: string }
  | { readonly type: "threadFailed"; readonly conversationId: string; readonly error: string }
  /** Nothing shows the messages of this conversation: drop them. */
  | { readonly type: "threadEvicted"; readonly conversationId: string }
  /** Time passed; `now` in milliseconds since 1970. */
  | { readonly type: "tick"; readonly now: number };

/** A list of conversations, as a hook. */

import { useCallback, useEffect, useMemo } from "react";
import type { Account, Conversation, ConversationFilter } from "../protocol/types.js";
import { filterKey, type Presence } from "../state/inbox-state.js";
import { createConversationsSelector, createUnreadCountSelector } from "../state/memoized-selectors.js";
import { useInboxClient } from "./provider.js";
import { useSelector } from "./use-selector.js";

export interface InboxView {
  /** The loaded conversations, newest first and up to date. */
  readonly conversations: readonly Conversation[];
  readonly loading: boolean;
  readonly loaded: boolean;
  /** Why the last load failed, as a sentence; `null` if it succeeded. */
  readonly error: string | null;
  readonly hasMore: boolean;
  /** Load the next page. Resolves to whether there was one; never rejects: see `error`. */
  readonly loadMore: () => Promise<boolean>;
  /** The number of unread messages in all known conversations. */
  readonly unreadCount: number;
  readonly accounts: readonly Account[];
  readonly presence: readonly Presence[];
}

/** Return a list of conversations, and load its first page. Every field is the same object until its value changes.
 *
 * @example
 * const { conversations, hasMore, loadMore } = useInbox({ unread: true });
 */
export function useInbox(filter: ConversationFilter = {}): InboxView {
  const client = useInboxClient();
  const { platform, unread } = filter;
  const stableFilter = useMemo(() => ({ platform, unread }), [platform, unread]);
  const window = useSelector(client, (state) => state.lists.get(filterKey(stableFilter)));
  const conversations = useSelector(
    client,
    useMemo(() => createConversationsSelector(stableFilter), [stableFilter]),
  );
  const unreadCount = useSelector(
    client,
    useMemo(() => createUnreadCountSelector(), []),
  );

  useEffect(() => {
    client.loadConversations(stableFilter).catch(() => undefined); // `error` says why
  }, [client, stableFilter]);

  return {
    conversations,
    loading: window?.loading ?? true,
    loaded: window?.loaded ?? false,
    error: window?.error ?? null,
    hasMore: window !== undefined && window.next !== null,
    loadMore: useCallback(() => client.loadMoreConversations(stableFilter).catch(() => false), [client, stableFilter]),
    unreadCount,
    accounts: useSelector(client, (state) => state.accounts),
    presence: useSelector(client, (state) => state.presence),
  };
}

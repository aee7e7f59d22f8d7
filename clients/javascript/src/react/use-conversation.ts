/** One conversation, as a hook. */

import { useCallback, useEffect, useMemo } from "react";
import type { Conversation, Device, Message } from "../protocol/types.js";
import { createTypingSelector, createViewersSelector } from "../state/memoized-selectors.js";
import { messagesOf } from "../state/selectors.js";
import { useInboxClient } from "./provider.js";
import { useSelector } from "./use-selector.js";

export interface ConversationView {
  /** `null` while unknown, or if `conversationId` is `null`. */
  readonly conversation: Conversation | null;
  /** The loaded messages, oldest first and without gaps. */
  readonly messages: readonly Message[];
  readonly loading: boolean;
  readonly loaded: boolean;
  /** Why the last load failed, as a sentence; `null` if it succeeded. */
  readonly error: string | null;
  readonly hasOlder: boolean;
  /** Load an older page. Resolves to whether there was one; never rejects: see `error`. */
  readonly loadOlder: () => Promise<boolean>;
  /** Mark messages as read up to the one with this `id`; by default all. */
  readonly markRead: (upToId?: number) => void;
  /** Report typing; call it on every key press. */
  readonly sendTyping: () => void;
  /** The user's other devices that are typing here. */
  readonly typing: readonly Device[];
  /** The user's other devices that have this conversation on the screen. */
  readonly viewers: readonly Device[];
}

/** Return a conversation with its messages, and tell the user's other devices that it is on this screen.
 *
 * @param conversationId `null` if no conversation is open
 * @example
 * const { messages, hasOlder, loadOlder, markRead } = useConversation(id);
 */
export function useConversation(conversationId: string | null): ConversationView {
  const client = useInboxClient();
  const id = conversationId ?? "";
  const thread = useSelector(client, (state) => state.threads.get(id));
  const typing = useSelector(
    client,
    useMemo(() => createTypingSelector(id), [id]),
  );
  const viewers = useSelector(
    client,
    useMemo(() => createViewersSelector(id), [id]),
  );

  useEffect(() => {
    client.viewing(conversationId);
    return conversationId === null ? undefined : client.watchConversation(conversationId);
  }, [client, conversationId]);
  useEffect(
    () => () => {
      client.viewing(null);
    },
    [client],
  );

  return {
    conversation: useSelector(client, (state) => state.conversations.get(id)) ?? null,
    messages: useMemo(() => messagesOf(thread), [thread]),
    loading: conversationId !== null && (thread?.loading ?? true),
    loaded: thread?.loaded ?? false,
    error: thread?.error ?? null,
    hasOlder: thread !== undefined && thread.next !== null,
    loadOlder: useCallback(() => client.loadOlderMessages(id).catch(() => false), [client, id]),
    markRead: useCallback(
      (upToId?: number) => {
        client.markRead(id, upToId);
      },
      [client, id],
    ),
    sendTyping: useCallback(() => {
      client.typing(id);
    }, [client, id]),
    typing,
    viewers,
  };
}

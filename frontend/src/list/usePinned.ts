import { useMemo, useState } from "react";

import type { Conversation } from "../model";

/**
 * Return the list with the conversation `pinnedId` in it, at its last place, even if it no longer matches the filter: a list of
 * unread conversations would otherwise drop the one that is being read.
 */
export function usePinned(
  conversations: readonly Conversation[],
  pinnedId: string | null,
  pinned: Conversation | undefined,
): readonly Conversation[] {
  const [last, setLast] = useState<{ id: string; index: number } | null>(null);
  const index = pinnedId === null ? -1 : conversations.findIndex((entry) => entry.conversation_id === pinnedId);
  if (index >= 0 && pinnedId !== null && (last?.id !== pinnedId || last.index !== index))
    setLast({ id: pinnedId, index });
  return useMemo(() => {
    if (index >= 0 || !pinned || last?.id !== pinnedId) return conversations;
    return conversations.toSpliced(Math.min(last.index, conversations.length), 0, pinned);
  }, [conversations, index, pinned, pinnedId, last]);
}

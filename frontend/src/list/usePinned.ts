import { useMemo, useState } from "react";

import type { Conversation } from "../model";

/** Return the list with the conversation `keptId` in it, also where it no longer belongs there, at the place that it had. */
export function useKept(
  conversations: readonly Conversation[],
  keptId: string | null,
  kept: Conversation | undefined,
): readonly Conversation[] {
  const [place, setPlace] = useState<{ id: string; index: number } | null>(null);
  const index = keptId === null ? -1 : conversations.findIndex((one) => one.conversation_id === keptId);
  if (index >= 0 && keptId !== null && (place?.id !== keptId || place.index !== index)) setPlace({ id: keptId, index });
  return useMemo(() => {
    if (index >= 0 || !kept || place?.id !== keptId) return conversations;
    return conversations.toSpliced(Math.min(place.index, conversations.length), 0, kept);
  }, [conversations, index, kept, keptId, place]);
}

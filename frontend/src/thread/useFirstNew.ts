import { useState } from "react";

import { firstUnread } from "../core/grouping";
import type { Message } from "../model";

/**
 * Where "New messages" stands: above what was unread when the thread was opened, or came while nobody looked.
 *
 * @param newestId the greatest `id` of `messages`; 0 while there are none
 */
export function useFirstNew(unreadCount: number, messages: readonly Message[], newestId: number, isAtBottom: boolean): number | null {
  const [firstNew, setFirstNew] = useState<number | null>(null);
  const [newest, setNewest] = useState<number | null>(null);
  if (newest === null && messages.length > 0) {
    setNewest(newestId);
    setFirstNew(firstUnread(messages, unreadCount));
  } else if (newest !== null && newestId > newest) {
    setNewest(newestId);
    const isLooking = isAtBottom && document.visibilityState === "visible";
    const came = messages.find((message) => message.id > newest && message.direction === "incoming");
    if (!isLooking && came && (firstNew === null || unreadCount <= 1)) setFirstNew(came.id);
  }
  return firstNew;
}

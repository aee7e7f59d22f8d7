import { useState } from "react";

import { type FirstNew, firstNewAfter, firstNewOf } from "../core/unreadDivider";
import type { Message } from "../model";
import { type Pages, useOlderUntil } from "./useLoadOlderUntil";

/** How many pages are looked through for the first unread message. */
const MAX_PAGES_TO_FIND = 20;

/**
 * Where "New messages" stands, and whether that is known: older pages are loaded until it is. Where they cannot be, it stands
 * above the oldest message that is there.
 */
export function useFirstNew(unreadCount: number, messages: readonly Message[], isAtBottom: boolean, pages: Pages) {
  const [firstNew, setFirstNew] = useState<FirstNew | null>(null);
  const { hasOlder } = pages;
  const isLooking = isAtBottom && document.visibilityState === "visible";
  const now =
    messages.length === 0
      ? null
      : firstNew === null
        ? firstNewOf(messages, unreadCount, hasOlder)
        : firstNewAfter(firstNew, { messages, unread: unreadCount, hasOlder, isLooking });
  if (now !== null && now !== firstNew) setFirstNew(now);
  const progress = useOlderUntil(
    now && !now.isFound ? "the first unread message" : null,
    false,
    pages,
    MAX_PAGES_TO_FIND,
  );
  const isKnown = now !== null && progress !== "going";
  return { id: isKnown ? now.id : null, isKnown, isFound: now?.isFound === true };
}

import { useState } from "react";

import { initialDivider, type UnreadDivider, updateDivider } from "../core/unreadDivider";
import type { Message } from "../model";
import { type OlderPages, useLoadOlderUntil } from "./useLoadOlderUntil";

/** Load at most this many pages to find the first unread message. */
const MAX_PAGES = 20;

/** Where the "New messages" divider is. */
export type DividerPosition = {
  /** The `id` of the message below the divider; null if there is none, or it is not known yet. */
  readonly id: number | null;
  /** Whether the position is final for now: it is not being searched for. */
  readonly isKnown: boolean;
  /** Whether it is exactly above the first unread message. */
  readonly isExact: boolean;
};

/**
 * Return where the "New messages" divider is. Loads older pages until it is known; if they cannot be loaded, the divider is
 * above the oldest loaded message.
 */
export function useUnreadDivider(
  unreadCount: number,
  messages: readonly Message[],
  isAtBottom: boolean,
  pages: OlderPages,
): DividerPosition {
  const [divider, setDivider] = useState<UnreadDivider | null>(null);
  const { hasOlder } = pages;
  const isLooking = isAtBottom && document.visibilityState === "visible";
  const current =
    messages.length === 0
      ? null
      : divider === null
        ? initialDivider(messages, unreadCount, hasOlder)
        : updateDivider(divider, { messages, unread: unreadCount, hasOlder, isLooking });
  if (current !== null && current !== divider) setDivider(current);
  const goal = current && !current.isExact ? "the first unread message" : null;
  const progress = useLoadOlderUntil(goal, false, pages, MAX_PAGES);
  const isKnown = current !== null && progress !== "loading";
  return { id: isKnown ? current.id : null, isKnown, isExact: current?.isExact === true };
}

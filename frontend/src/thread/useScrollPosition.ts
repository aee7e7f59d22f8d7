import type { Virtualizer } from "@tanstack/react-virtual";
import { useCallback, useLayoutEffect, useRef, useState } from "react";

import type { Message } from "../model";
import { type OlderPages, useLoadOlderUntil } from "./useLoadOlderUntil";
import type { DividerPosition } from "./useUnreadDivider";

/** Load at most this many pages to find the message that was being read before a reload. */
const MAX_PAGES = 400;

type Options = {
  readonly messages: readonly Message[];
  readonly divider: DividerPosition;
  /** Whether the thread was opened for a message that will be scrolled to. */
  readonly isJumping: boolean;
  readonly pages: OlderPages;
};

/**
 * Scrolls to where reading starts, and restores that place after the state was reloaded and the message is loaded again. Until
 * then nothing on the screen was chosen by the reader, so nothing counts as seen. Scrolling by hand cancels both.
 */
export function useScrollPosition(
  rows: Virtualizer<HTMLDivElement, HTMLLIElement>,
  { messages, divider, isJumping, pages }: Options,
) {
  const isPositionedRef = useRef(false);
  const anchorIdRef = useRef<number | null>(null);
  const [missingAnchorId, setMissingAnchorId] = useState<number | null>(null);

  const { id: dividerId, isKnown, isExact } = divider;
  useLayoutEffect(() => {
    if (isPositionedRef.current || messages.length === 0 || !isKnown) return;
    isPositionedRef.current = isExact && !isJumping;
    const index = messages.findIndex((message) => message.id === dividerId);
    if (index > 0) rows.scrollToIndex(index, { align: "start" });
    else if (index === 0) rows.scrollToOffset(0);
    else rows.scrollToEnd();
  }, [rows, messages, dividerId, isKnown, isExact, isJumping]);

  useLayoutEffect(() => {
    const anchorId = missingAnchorId ?? anchorIdRef.current;
    if (anchorId === null || messages.length === 0) return;
    const index = messages.findIndex((message) => message.id === anchorId);
    if (index < 0 && missingAnchorId === null) {
      setMissingAnchorId(anchorId);
      rows.scrollToOffset(0);
    } else if (index >= 0 && missingAnchorId !== null) {
      setMissingAnchorId(null);
      rows.scrollToIndex(index, { align: "start" });
    }
  }, [rows, messages, missingAnchorId]);
  useLoadOlderUntil(missingAnchorId, false, pages, MAX_PAGES);

  return {
    /** Whether the reader's place is on the screen. */
    isPositionedRef,
    /** The message to keep in place over a reload; null at the end of the thread. */
    anchorIdRef,
    /** Whether the message that was being read has to be loaded again. */
    isRestoring: missingAnchorId !== null,
    /** The reader scrolls: there is no other position to go to. */
    release: useCallback(() => {
      isPositionedRef.current = true;
      anchorIdRef.current = null;
      setMissingAnchorId(null);
    }, []),
  };
}

import type { Virtualizer } from "@tanstack/react-virtual";
import { useCallback, useLayoutEffect, useRef, useState } from "react";

import type { Message } from "../model";
import { type Pages, useOlderUntil } from "./useLoadOlderUntil";

/** How many pages are looked through for what was being read before everything was loaded anew. */
const MAX_PAGES_TO_FIND = 400;

type Placed = {
  readonly messages: readonly Message[];
  readonly firstNew: { readonly id: number | null; readonly isKnown: boolean; readonly isFound: boolean };
  /** Whether it is opened for a message that will be shown. */
  readonly isSeeking: boolean;
  readonly pages: Pages;
};

/**
 * Where a thread begins to be read, and where it goes on when what was read is not loaded any more. Until it is there, the
 * screen shows nothing that anybody has chosen to see; whoever scrolls meanwhile has chosen.
 */
export function usePlace(
  rows: Virtualizer<HTMLDivElement, HTMLLIElement>,
  { messages, firstNew, isSeeking, pages }: Placed,
) {
  const isPlacedRef = useRef(false);
  const readRef = useRef<number | null>(null);
  const [lostId, setLostId] = useState<number | null>(null);

  const { id: firstNewId, isKnown, isFound } = firstNew;
  useLayoutEffect(() => {
    if (isPlacedRef.current || messages.length === 0 || !isKnown) return;
    isPlacedRef.current = isFound && !isSeeking;
    const index = messages.findIndex((message) => message.id === firstNewId);
    if (index > 0) rows.scrollToIndex(index, { align: "start" });
    else if (index === 0) rows.scrollToOffset(0);
    else rows.scrollToEnd();
  }, [rows, messages, firstNewId, isKnown, isFound, isSeeking]);

  useLayoutEffect(() => {
    const soughtId = lostId ?? readRef.current;
    if (soughtId === null || messages.length === 0) return;
    const index = messages.findIndex((message) => message.id === soughtId);
    if (index < 0 && lostId === null) {
      setLostId(soughtId);
      rows.scrollToOffset(0);
    } else if (index >= 0 && lostId !== null) {
      setLostId(null);
      rows.scrollToIndex(index, { align: "start" });
    }
  }, [rows, messages, lostId]);
  useOlderUntil(lostId, false, pages, MAX_PAGES_TO_FIND);

  return {
    isPlacedRef,
    readRef,
    isLost: lostId !== null,
    /** A person moves: there is no other place to go to. */
    letGo: useCallback(() => {
      isPlacedRef.current = true;
      readRef.current = null;
      setLostId(null);
    }, []),
  };
}

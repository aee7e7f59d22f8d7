import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useRef } from "react";

import { firstOnScreen } from "../core/viewport";
import type { Message } from "../model";
import { idsInUse } from "./activeRows";
import type { Pages } from "./useLoadOlderUntil";
import { usePlace } from "./useScrollPosition";
import { useSeen } from "./useSeenMessages";

const AT_BOTTOM_PX = 48;
/** What stands above the first row: `.thread-top` and the padding around it. */
const ABOVE_PX = 58;
/** A line of text with its time; what a row really takes is measured when it is drawn. */
const USUAL_ROW_PX = 58;

type Scrolled = {
  /** Those that have a row, oldest first. */
  readonly messages: readonly Message[];
  /** The greatest `id` of them; 0 while there are none. */
  readonly newestId: number;
  readonly firstNew: { readonly id: number | null; readonly isKnown: boolean; readonly isFound: boolean };
  readonly isSeeking: boolean;
  readonly pages: Pages;
  readonly isAtBottom: boolean;
  readonly setAtBottom: (isAtBottom: boolean) => void;
  readonly onSeen: (upToId: number) => void;
};

/**
 * Only the rows around what is being read are drawn, and those that are in use. At the bottom the view follows what comes;
 * anywhere else what is being read stays where it is, whatever changes around it.
 */
export function useThreadScroll(scrollerRef: RefObject<HTMLDivElement | null>, scrolled: Scrolled) {
  const { messages, newestId, isAtBottom, setAtBottom } = scrolled;
  const rows = useRows(scrollerRef, messages);
  const { isPlacedRef, readRef, isLost, letGo } = usePlace(rows, scrolled);
  const items = rows.getVirtualItems();
  const drawn = () =>
    rows.getVirtualItems().map(({ index, start, end }) => ({ id: messages[index]?.id ?? 0, start, end }));
  const seen = useSeen(scrollerRef, () => isPlacedRef.current && !isLost, drawn, scrolled.onSeen);

  const look = () => {
    const element = scrollerRef.current;
    if (!element || isLost) return;
    if (isPlacedRef.current) readRef.current = isAtEnd(element) ? null : firstOnScreen(drawn(), element.scrollTop);
    seen.lookAgain();
  };
  const latest = useRef(look);
  useEffect(() => {
    latest.current = look;
  });
  useEffect(() => {
    latest.current(); // what comes is seen without any scrolling, and rows are drawn only after it
  }, [items, newestId, isLost]);
  useStayingAtTheEnd(scrollerRef, isAtBottom, () => {
    if (isPlacedRef.current) rows.scrollToEnd();
  });

  return {
    rows,
    abovePx: ABOVE_PX,
    newBelow: isAtBottom ? 0 : newBelow(messages, newestId, seen.id),
    letGo,
    toBottom: () => {
      letGo();
      rows.scrollToEnd();
      scrollerRef.current?.focus({ preventScroll: true }); // the button goes, and keys are to go on
    },
    showIndex: useCallback(
      (index: number) => {
        letGo();
        rows.scrollToIndex(index, { align: "center" });
      },
      [rows, letGo],
    ),
    onScroll: () => {
      const element = scrollerRef.current;
      if (!element || isLost) return;
      setAtBottom(isAtEnd(element));
      look();
    },
  };
}

function useRows(scrollerRef: RefObject<HTMLDivElement | null>, messages: readonly Message[]) {
  const getItemKey = useCallback((index: number) => messages[index]?.id ?? index, [messages]);
  const rangeExtractor = useCallback(
    (range: Range) => {
      const near = defaultRangeExtractor(range);
      const kept = idsInUse(scrollerRef.current).map((id) => messages.findIndex((message) => message.id === id));
      return [...new Set([...near, ...kept.filter((index) => index >= 0)])].sort((one, other) => one - other);
    },
    [scrollerRef, messages],
  );
  // The compiler of React leaves functions of this library alone, as it has to: they change with the scrolling.
  // eslint-disable-next-line react-hooks/incompatible-library
  return useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: messages.length,
    getScrollElement: () => scrollerRef.current,
    estimateSize: () => USUAL_ROW_PX,
    getItemKey,
    rangeExtractor,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_BOTTOM_PX,
    scrollMargin: ABOVE_PX,
    overscan: 8,
  });
}

/** What does not scroll but takes away room, a keyboard, a window made smaller: whoever is at the end stays there. */
function useStayingAtTheEnd(
  scrollerRef: RefObject<HTMLDivElement | null>,
  isAtBottom: boolean,
  toEnd: () => void,
): void {
  const latest = useRef({ isAtBottom, toEnd });
  useEffect(() => {
    latest.current = { isAtBottom, toEnd };
  });
  useEffect(() => {
    const element = scrollerRef.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      if (latest.current.isAtBottom) latest.current.toEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scrollerRef]);
}

function isAtEnd(element: HTMLElement): boolean {
  return element.scrollHeight - element.scrollTop - element.clientHeight < AT_BOTTOM_PX;
}

function newBelow(messages: readonly Message[], newestId: number, seenId: number): number {
  if (newestId <= seenId) return 0;
  return messages.filter((message) => message.id > seenId && message.direction === "incoming" && !message.deleted_at)
    .length;
}

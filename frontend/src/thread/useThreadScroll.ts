import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Message } from "../model";

const AT_BOTTOM_PX = 48;
/** What stands above the first row: `.thread-top` and the padding around it. */
const ABOVE_PX = 58;
/** A line of text with its time; what a row really takes is measured when it is drawn. */
const USUAL_ROW_PX = 58;
/** A message that only begins to show has not been seen. */
const PEEPING_PX = 16;

type Scrolled = {
  /** Those that have a row, oldest first. */
  readonly messages: readonly Message[];
  /** The greatest `id` of them; 0 while there are none. */
  readonly newestId: number;
  readonly firstNewId: number | null;
  readonly isAtBottom: boolean;
  readonly setAtBottom: (isAtBottom: boolean) => void;
  readonly onSeen: (upToId: number) => void;
};

/**
 * Only the rows around what is being read are drawn. At the bottom the view follows what comes; anywhere else what is being
 * read stays where it is, whatever changes around it.
 */
export function useThreadScroll(scrollerRef: RefObject<HTMLDivElement | null>, scrolled: Scrolled) {
  const { messages, newestId, firstNewId, isAtBottom, setAtBottom } = scrolled;
  const getItemKey = useCallback((index: number) => messages[index]?.id ?? index, [messages]);
  // The compiler of React leaves functions of this library alone, as it has to: they change with the scrolling.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: messages.length,
    getScrollElement: () => scrollerRef.current,
    estimateSize: () => USUAL_ROW_PX,
    getItemKey,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_BOTTOM_PX,
    scrollMargin: ABOVE_PX,
    overscan: 8,
  });

  const isPlaced = useRef(false);
  const hasAny = messages.length > 0;
  useLayoutEffect(() => {
    if (isPlaced.current || !hasAny) return;
    isPlaced.current = true;
    const firstNew = messages.findIndex((message) => message.id === firstNewId);
    if (firstNew >= 0) rows.scrollToIndex(firstNew, { align: "start" });
    else rows.scrollToEnd();
  }, [rows, hasAny, messages, firstNewId]);

  const seenId = useSeen(scrollerRef, scrolled, (edgePx) =>
    rows.getVirtualItems().reduce((lowest, item) => (item.start < edgePx ? Math.max(lowest, messages[item.index]?.id ?? 0) : lowest), 0),
  );

  // What does not scroll but takes away room: a keyboard, a window made smaller.
  const stays = useRef(isAtBottom);
  useEffect(() => {
    stays.current = isAtBottom;
  }, [isAtBottom]);
  useEffect(() => {
    const element = scrollerRef.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (stays.current && isPlaced.current) rows.scrollToEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scrollerRef, rows]);

  return {
    rows,
    abovePx: ABOVE_PX,
    newBelow: isAtBottom ? 0 : newBelow(messages, newestId, seenId.id),
    toBottom: () => rows.scrollToEnd(),
    showIndex: useCallback((index: number) => rows.scrollToIndex(index, { align: "center" }), [rows]),
    onScroll: () => {
      const element = scrollerRef.current;
      if (!element) return;
      setAtBottom(isAtEnd(element));
      seenId.look();
    },
  };
}

/** What was on the screen, by the `id` up to which messages have been seen; `lowestAt` tells it for a place in the thread. */
function useSeen(scrollerRef: RefObject<HTMLDivElement | null>, { newestId, onSeen }: Scrolled, lowestAt: (edgePx: number) => number) {
  const [id, setId] = useState(0);
  const told = useRef(0);
  const look = () => {
    const element = scrollerRef.current;
    if (!element || document.visibilityState !== "visible" || element.clientHeight === 0) return;
    const seen = isAtEnd(element) ? newestId : lowestAt(element.scrollTop + element.clientHeight - PEEPING_PX);
    if (seen <= told.current) return;
    told.current = seen;
    setId(seen);
    onSeen(seen);
  };
  const latest = useRef(look);
  useEffect(() => {
    latest.current = look;
  });
  useEffect(() => {
    latest.current(); // what comes at the bottom is seen without any scrolling
  }, [newestId]);
  useEffect(() => {
    const again = () => latest.current();
    document.addEventListener("visibilitychange", again);
    return () => document.removeEventListener("visibilitychange", again);
  }, []);
  return { id, look };
}

function isAtEnd(element: HTMLElement): boolean {
  return element.scrollHeight - element.scrollTop - element.clientHeight < AT_BOTTOM_PX;
}

function newBelow(messages: readonly Message[], newestId: number, seenId: number): number {
  if (newestId <= seenId) return 0;
  return messages.filter((message) => message.id > seenId && message.direction === "incoming" && !message.deleted_at).length;
}

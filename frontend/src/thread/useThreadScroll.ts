import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useEffectEvent } from "react";

import { firstVisibleId } from "../core/viewport";
import type { Message } from "../model";
import { activeRowIds } from "./activeRows";
import type { OlderPages } from "./useLoadOlderUntil";
import { useScrollPosition } from "./useScrollPosition";
import { useSeenMessages } from "./useSeenMessages";
import type { DividerPosition } from "./useUnreadDivider";

const AT_BOTTOM_PX = 48;
/** The height above the first row: `.thread-top` and its padding. */
const ABOVE_PX = 58;
/** A line of text with its time. The real height is measured once a row is rendered. */
const ESTIMATED_ROW_PX = 58;

type Options = {
  /** The messages that have a row, oldest first. */
  readonly messages: readonly Message[];
  /** Their highest `id`; 0 if there are none. */
  readonly newestId: number;
  readonly divider: DividerPosition;
  /** Whether the thread was opened for a message that will be scrolled to. */
  readonly isJumping: boolean;
  readonly pages: OlderPages;
  readonly isAtBottom: boolean;
  readonly setAtBottom: (isAtBottom: boolean) => void;
  readonly onSeen: (upToId: number) => void;
};

/**
 * Virtual scrolling of a thread: renders the rows around the screen, and those that are active. At the bottom the view follows
 * new messages. Elsewhere the message that is being read stays in place, whatever changes around it.
 */
export function useThreadScroll(scrollerRef: RefObject<HTMLDivElement | null>, options: Options) {
  const { messages, newestId, isAtBottom, setAtBottom } = options;
  const rows = useRows(scrollerRef, messages);
  const { isPositionedRef, anchorIdRef, isRestoring, release } = useScrollPosition(rows, options);
  const items = rows.getVirtualItems();
  const renderedRows = () =>
    rows.getVirtualItems().map(({ index, start, end }) => ({ id: messages[index]?.id ?? 0, start, end }));
  const { seenId, checkSeen } = useSeenMessages(
    scrollerRef,
    () => isPositionedRef.current && !isRestoring,
    renderedRows,
    options.onSeen,
  );

  const check = () => {
    const element = scrollerRef.current;
    if (!element || isRestoring) return;
    if (isPositionedRef.current) {
      anchorIdRef.current = isAtEnd(element) ? null : firstVisibleId(renderedRows(), element.scrollTop);
    }
    checkSeen();
  };
  const checkAfterChange = useEffectEvent(check);
  useEffect(() => {
    checkAfterChange(); // new messages can be seen without scrolling, and rows are rendered only after a change
  }, [items, newestId, isRestoring]);
  useStayAtEnd(scrollerRef, isAtBottom, () => {
    if (isPositionedRef.current) rows.scrollToEnd();
  });

  return {
    rows,
    abovePx: ABOVE_PX,
    unseenBelow: isAtBottom ? 0 : countUnseen(messages, newestId, seenId),
    release,
    scrollToEnd: () => {
      release();
      rows.scrollToEnd();
      scrollerRef.current?.focus({ preventScroll: true }); // the button disappears: keep the keyboard in the thread
    },
    showIndex: useCallback(
      (index: number) => {
        release();
        rows.scrollToIndex(index, { align: "center" });
      },
      [rows, release],
    ),
    onScroll: () => {
      const element = scrollerRef.current;
      if (!element || isRestoring) return;
      setAtBottom(isAtEnd(element));
      check();
    },
  };
}

function useRows(scrollerRef: RefObject<HTMLDivElement | null>, messages: readonly Message[]) {
  const getItemKey = useCallback((index: number) => messages[index]?.id ?? index, [messages]);
  const rangeExtractor = useCallback(
    (range: Range) => {
      const near = defaultRangeExtractor(range);
      const active = activeRowIds(scrollerRef.current).map((id) => messages.findIndex((message) => message.id === id));
      return [...new Set([...near, ...active.filter((index) => index >= 0)])].sort((one, other) => one - other);
    },
    [scrollerRef, messages],
  );
  // The React compiler must not memoize the functions of this library: their results change while scrolling.
  // eslint-disable-next-line react-hooks/incompatible-library
  return useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: messages.length,
    getScrollElement: () => scrollerRef.current,
    estimateSize: () => ESTIMATED_ROW_PX,
    getItemKey,
    rangeExtractor,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_BOTTOM_PX,
    scrollMargin: ABOVE_PX,
    overscan: 8,
  });
}

/** Stay at the end when the thread gets smaller without scrolling: an on-screen keyboard, a smaller window. */
function useStayAtEnd(
  scrollerRef: RefObject<HTMLDivElement | null>,
  isAtBottom: boolean,
  scrollToEnd: () => void,
): void {
  const onResize = useEffectEvent(() => {
    if (isAtBottom) scrollToEnd();
  });
  useEffect(() => {
    const element = scrollerRef.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(onResize);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scrollerRef]);
}

function isAtEnd(element: HTMLElement): boolean {
  return element.scrollHeight - element.scrollTop - element.clientHeight < AT_BOTTOM_PX;
}

function countUnseen(messages: readonly Message[], newestId: number, seenId: number): number {
  if (newestId <= seenId) return 0;
  return messages.filter((message) => message.id > seenId && message.direction === "incoming" && !message.deleted_at)
    .length;
}

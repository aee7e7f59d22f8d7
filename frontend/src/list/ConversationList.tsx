import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { anchorShift, heldOrder } from "../core/listOrder";
import type { Conversation } from "../model";
import { ConversationRow } from "./ConversationRow";

export const ROW_HEIGHT = 72;
const AHEAD_ROWS = 12;
/** A pointer that has not moved for so long is not about to click. */
const POINTER_REST_MS = 1200;

type Props = {
  readonly conversations: readonly Conversation[];
  readonly openId: string | null;
  readonly activeId: string | null;
  readonly typingIds: ReadonlySet<string>;
  readonly nowMs: number;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly label: string;
  readonly emptyText: string;
  readonly onMore: () => Promise<boolean>;
  readonly onOpen: (id: string) => void;
  readonly onActive: (id: string) => void;
};

/** The list of conversations. It holds still under a pointer that moves, and around what has been scrolled to. */
export function ConversationList(props: Props) {
  const { conversations, activeId, hasMore, onMore } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const { order, isHeld, pointer } = useSettledOrder(conversations);
  useAnchor(scrollerRef, order);

  // The compiler of React leaves functions of this library alone, as it has to: they change with the scrolling.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: order.length,
    getScrollElement: () => scrollerRef.current,
    estimateSize: () => ROW_HEIGHT, // all are that high, so places need no keys: an order that changes costs nothing here
    overscan: 6,
  });
  const items = rows.getVirtualItems();

  const lastShown = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && lastShown >= order.length - AHEAD_ROWS) void onMore();
  }, [hasMore, lastShown, order.length, onMore]);

  useEffect(() => {
    const index = activeId === null ? -1 : order.findIndex((one) => one.conversation_id === activeId);
    if (index >= 0) rows.scrollToIndex(index, { align: "auto" });
    // Only when another row becomes the active one, and not when it moves.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [activeId]);

  if (order.length === 0) {
    return (
      <div className="list-empty" role="status">
        {props.isLoading ? "Loading…" : props.emptyText}
      </div>
    );
  }
  return (
    <div
      ref={scrollerRef}
      className="list"
      role="listbox"
      id="conversations"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={
        activeId !== null && items.some((item) => order[item.index]?.conversation_id === activeId)
          ? `conversation-${activeId}`
          : undefined
      }
      data-held={isHeld || undefined}
      {...pointer}
    >
      <div role="presentation" className="list-inner" style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const conversation = order[item.index];
          if (!conversation) return null;
          const id = conversation.conversation_id;
          return (
            <div
              key={id}
              id={`conversation-${id}`}
              role="option"
              aria-selected={id === props.openId}
              aria-setsize={hasMore ? -1 : order.length}
              aria-posinset={item.index + 1}
              className={`option${id === activeId ? " option-active" : ""}`}
              style={{ transform: `translateY(${item.start.toString()}px)` }}
              onClick={() => {
                props.onActive(id);
                props.onOpen(id);
              }}
            >
              <ConversationRow
                conversation={conversation}
                nowMs={props.nowMs}
                isOpen={id === props.openId}
                isTyping={props.typingIds.has(id)}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** The order to show: the newest one, but while a pointer moves over the list what it could hit stays in its place. */
function useSettledOrder(fresh: readonly Conversation[]) {
  const [isHeld, setHeld] = useState(false);
  const [shown, setShown] = useState(fresh);
  const timer = useRef(0);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const order = useMemo(() => (isHeld ? heldOrder(shown, fresh) : fresh), [isHeld, shown, fresh]);
  if (!isHeld && shown !== fresh) setShown(fresh);
  const release = () => {
    window.clearTimeout(timer.current);
    setHeld(false);
  };
  const hold = () => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setHeld(false), POINTER_REST_MS);
    setHeld(true);
  };
  return { order, isHeld, pointer: { onPointerMove: hold, onPointerDown: hold, onPointerLeave: release } };
}

/** Keep what was scrolled to in its place when rows above it come, go or change places. */
function useAnchor(scrollerRef: React.RefObject<HTMLDivElement | null>, order: readonly Conversation[]): void {
  const before = useRef(order);
  useLayoutEffect(() => {
    const element = scrollerRef.current;
    if (element && before.current !== order) {
      const shift = anchorShift(before.current, order, element.scrollTop, ROW_HEIGHT);
      if (shift !== 0) element.scrollBy({ top: shift, behavior: "instant" });
    }
    before.current = order;
  }, [scrollerRef, order]);
}

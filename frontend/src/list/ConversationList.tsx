import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

import { scrollAnchorShift } from "../core/listOrder";
import type { Conversation } from "../model";
import { ConversationRow } from "./ConversationRow";
import { useFrozenOrder } from "./useFrozenOrder";

export const ROW_HEIGHT = 72;
/** Load the next page when fewer rows than this are below the screen. */
const PRELOAD_ROWS = 12;

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

/** The list of conversations. Rows stay in place under a moving pointer, and where the list is scrolled to. */
export function ConversationList(props: Props) {
  const { conversations, activeId, hasMore, onMore } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const { order, pointer } = useFrozenOrder(conversations);
  useScrollAnchor(scrollerRef, order);

  // The React compiler must not memoize the functions of this library: their results change while scrolling.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: order.length,
    getScrollElement: () => scrollerRef.current,
    estimateSize: () => ROW_HEIGHT, // the same for all, so rows need no keys, and a new order costs nothing here
    overscan: 6,
  });
  const items = rows.getVirtualItems();

  const lastIndex = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && lastIndex >= order.length - PRELOAD_ROWS) void onMore();
  }, [hasMore, lastIndex, order.length, onMore]);

  useEffect(() => {
    const index = activeId === null ? -1 : order.findIndex((entry) => entry.conversation_id === activeId);
    if (index >= 0) rows.scrollToIndex(index, { align: "auto" });
    // Only when another row becomes active, not when the active row moves.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [activeId]);

  if (order.length === 0) {
    return (
      <div className="list-empty" role="status">
        {props.isLoading ? "Loading conversations…" : props.emptyText}
      </div>
    );
  }
  const isActiveRendered = items.some((item) => order[item.index]?.conversation_id === activeId);
  return (
    <div
      ref={scrollerRef}
      className="list"
      role="listbox"
      id="conversations"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={activeId !== null && isActiveRendered ? `conversation-${activeId}` : undefined}
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

/** Keep the visible rows in place when rows above them appear, disappear or move. */
function useScrollAnchor(scrollerRef: RefObject<HTMLDivElement | null>, order: readonly Conversation[]): void {
  const before = useRef(order);
  useLayoutEffect(() => {
    const element = scrollerRef.current;
    if (element && before.current !== order) {
      const shift = scrollAnchorShift(before.current, order, element.scrollTop, ROW_HEIGHT);
      if (shift !== 0) element.scrollBy({ top: shift, behavior: "instant" });
    }
    before.current = order;
  }, [scrollerRef, order]);
}

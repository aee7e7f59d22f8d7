import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from "react";

import { displayName } from "../core/names";
import { maxId } from "../core/unreadDivider";
import type { Conversation, Message } from "../model";
import { DownIcon } from "../ui/Icons";
import type { QuoteState } from "./Quote";
import { ThreadRow } from "./ThreadRow";
import { type JumpTarget, useJumpToMessage } from "./useJumpToMessage";
import type { OlderPages } from "./useLoadOlderUntil";
import { useThreadScroll } from "./useThreadScroll";
import { useUnreadDivider } from "./useUnreadDivider";

/** Load the next page when less than this is above the screen. */
const PRELOAD_PX = 1500;
const SCROLL_KEYS: ReadonlySet<string> = new Set(["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown", " "]);

type Props = {
  readonly conversation: Conversation;
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | null;
  /** Who is typing, as a sentence. */
  readonly typing: string | null;
  readonly nowMs: number;
  /** A message to jump to: a new object for every jump. */
  readonly jumpTarget: JumpTarget | null;
  readonly onOlder: () => Promise<boolean>;
  readonly onSeen: (upToId: number) => void;
};

/** The messages of one conversation. Use a `key` to mount it anew for another one. */
export function ThreadView(props: Props) {
  const { conversation, hasOlder, isLoading, error, onOlder } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const [isAtBottom, setAtBottom] = useState(true);
  // Hide the oldest message until its predecessor is loaded: its heading may then disappear, which would move the text.
  const hidden = hasOlder && props.messages.length > 1 ? 1 : 0;
  const messages = useMemo(() => props.messages.slice(hidden), [hidden, props.messages]);
  const newestId = useMemo(() => maxId(messages), [messages]);
  const byPlatformId = useMemo(() => new Map(messages.map((message) => [message.message_id, message])), [messages]);
  const pages = { isLoading, hasOlder, error, onOlder };
  const divider = useUnreadDivider(conversation.unread_count, messages, isAtBottom, pages);
  const scroll = useThreadScroll(scrollerRef, {
    messages,
    newestId,
    divider,
    isJumping: props.jumpTarget !== null,
    pages,
    isAtBottom,
    setAtBottom,
    onSeen: props.onSeen,
  });
  const jump = useJumpToMessage(props.jumpTarget, messages, pages, scroll.showIndex);
  const name = displayName(conversation);

  const onScroll = () => {
    scroll.onScroll();
    const element = scrollerRef.current;
    if (element && element.scrollTop < PRELOAD_PX && hasOlder && !isLoading && error === null) void onOlder();
  };
  const scrollInput = {
    onWheel: scroll.release,
    onTouchMove: scroll.release,
    onKeyDown: (event: KeyboardEvent) => {
      if (SCROLL_KEYS.has(event.key)) scroll.release();
    },
    onPointerDown: (event: PointerEvent) => {
      if (event.target === scrollerRef.current) scroll.release(); // the scrollbar
    },
  };

  return (
    <div className="thread-frame">
      <div
        className="thread"
        ref={scrollerRef}
        onScroll={onScroll}
        {...scrollInput}
        tabIndex={0}
        role="region"
        aria-label={`Messages with ${name}`}
        id="thread"
      >
        <div className="thread-inner">
          <ThreadTop {...pages} />
          <ol className="messages" style={{ blockSize: scroll.rows.getTotalSize() }}>
            {scroll.rows.getVirtualItems().map((item) => {
              const message = messages[item.index];
              if (!message) return null;
              const repliedToId = message.reply_to?.message_id;
              return (
                <li
                  key={item.key}
                  ref={scroll.rows.measureElement}
                  data-index={item.index}
                  id={`message-${message.id.toString()}`}
                  data-message={message.id}
                  aria-setsize={hasOlder ? -1 : messages.length}
                  aria-posinset={item.index + 1}
                  style={{ transform: `translateY(${(item.start - scroll.abovePx).toString()}px)` }}
                >
                  <ThreadRow
                    message={message}
                    before={props.messages[item.index + hidden - 1] ?? null}
                    after={messages[item.index + 1] ?? null}
                    firstUnreadId={divider.id}
                    repliedTo={repliedToId ? (byPlatformId.get(repliedToId) ?? null) : null}
                    senderName={message.direction === "incoming" ? name : (message.sender_name ?? "You")}
                    nowMs={props.nowMs}
                    isHighlighted={message.id === jump.highlightedId}
                    quoteState={quoteStateOf(message, jump)}
                    onQuote={jump.jumpToQuoted}
                  />
                </li>
              );
            })}
          </ol>
          <div className="typing" role="status">
            {props.typing}
          </div>
        </div>
      </div>
      {!isAtBottom && (
        <button type="button" className="to-bottom" onClick={scroll.scrollToEnd}>
          <DownIcon />
          {scroll.unseenBelow > 0 ? (
            `${scroll.unseenBelow.toString()} new`
          ) : (
            <span className="visually-hidden">Jump to the newest message</span>
          )}
        </button>
      )}
    </div>
  );
}

/** What is above the oldest message. */
function ThreadTop({ isLoading, hasOlder, error, onOlder }: OlderPages) {
  return (
    <div className="thread-top">
      {error !== null ? (
        <span role="alert" title={error}>
          Could not load messages.{" "}
          <button type="button" className="link" onClick={() => void onOlder()}>
            Try again
          </button>
        </span>
      ) : (
        <span className="note">
          {hasOlder ? "Loading older messages…" : isLoading ? "Loading messages…" : "Start of the conversation"}
        </span>
      )}
    </div>
  );
}

function quoteStateOf(
  { reply_to }: Message,
  { pendingQuoteId, missingQuoteId }: { pendingQuoteId: string | null; missingQuoteId: string | null },
): QuoteState {
  const id = reply_to?.message_id ?? null;
  if (id === null) return null;
  return id === pendingQuoteId ? "pending" : id === missingQuoteId ? "missing" : null;
}

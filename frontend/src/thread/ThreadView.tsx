import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from "react";

import { greatestId } from "../core/unreadDivider";
import { displayName } from "../core/names";
import type { Conversation, Message } from "../model";
import { DownIcon } from "../ui/Icons";
import type { Quoting } from "./MessageView";
import { ThreadRow } from "./ThreadRow";
import { useFirstNew } from "./useUnreadDivider";
import { type Sought, useSought } from "./useJumpToMessage";
import { useThreadScroll } from "./useThreadScroll";

const AHEAD_PX = 1500;
const SCROLLING_KEYS: ReadonlySet<string> = new Set(["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown", " "]);

type Props = {
  readonly conversation: Conversation;
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | null;
  readonly typing: string | null;
  readonly nowMs: number;
  /** A message to show; another object each time. */
  readonly sought: Sought | null;
  readonly onOlder: () => Promise<boolean>;
  readonly onSeen: (upToId: number) => void;
};

/** The messages of one conversation; made anew (by `key`) for another one. */
export function ThreadView(props: Props) {
  const { conversation, hasOlder, isLoading, error, onOlder } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const [isAtBottom, setAtBottom] = useState(true);
  // The oldest one waits until it is known what stands before it: a row that loses its heading would move what is read.
  const waiting = hasOlder && props.messages.length > 1 ? 1 : 0;
  const messages = useMemo(() => props.messages.slice(waiting), [waiting, props.messages]);
  const newestId = useMemo(() => greatestId(messages), [messages]);
  const byPlatformId = useMemo(() => new Map(messages.map((message) => [message.message_id, message])), [messages]);
  const pages = { isLoading, hasOlder, error, onOlder };
  const firstNew = useFirstNew(conversation.unread_count, messages, isAtBottom, pages);
  const isSeeking = props.sought !== null;
  const scroll = useThreadScroll(scrollerRef, {
    messages,
    newestId,
    firstNew,
    isSeeking,
    pages,
    isAtBottom,
    setAtBottom,
    onSeen: props.onSeen,
  });
  const found = useSought(props.sought, messages, pages, scroll.showIndex);
  const name = displayName(conversation);

  const onScroll = () => {
    scroll.onScroll();
    const element = scrollerRef.current;
    if (element && element.scrollTop < AHEAD_PX && hasOlder && !isLoading && error === null) void onOlder();
  };
  const moving = {
    onWheel: scroll.letGo,
    onTouchMove: scroll.letGo,
    onKeyDown: (event: KeyboardEvent) => {
      if (SCROLLING_KEYS.has(event.key)) scroll.letGo();
    },
    onPointerDown: (event: PointerEvent) => {
      if (event.target === scrollerRef.current) scroll.letGo(); // its scrollbar
    },
  };

  return (
    <div className="thread-frame">
      <div
        className="thread"
        ref={scrollerRef}
        onScroll={onScroll}
        {...moving}
        tabIndex={0}
        role="region"
        aria-label={`Messages with ${name}`}
        id="thread"
      >
        <div className="thread-inner">
          <div className="thread-top">
            {error !== null ? (
              <span role="alert">
                {error}{" "}
                <button type="button" className="link" onClick={() => void onOlder()}>
                  Try again
                </button>
              </span>
            ) : hasOlder || isLoading ? (
              <span className="note">Loading older messages…</span>
            ) : (
              <span className="note">This is where the conversation begins</span>
            )}
          </div>
          <ol className="messages" style={{ blockSize: scroll.rows.getTotalSize() }}>
            {scroll.rows.getVirtualItems().map((item) => {
              const message = messages[item.index];
              if (!message) return null;
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
                    before={props.messages[item.index + waiting - 1] ?? null}
                    after={messages[item.index + 1] ?? null}
                    firstNewId={firstNew.id}
                    repliedTo={
                      message.reply_to?.message_id ? (byPlatformId.get(message.reply_to.message_id) ?? null) : null
                    }
                    senderName={message.direction === "incoming" ? name : (message.sender_name ?? "You")}
                    nowMs={props.nowMs}
                    isFound={message.id === found.markedId}
                    quoting={quoting(message, found)}
                    onQuote={found.seek}
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
        <button type="button" className="to-bottom" onClick={scroll.toBottom}>
          <DownIcon />
          {scroll.newBelow > 0 ? (
            `${scroll.newBelow.toString()} new`
          ) : (
            <span className="visually-hidden">To the newest message</span>
          )}
        </button>
      )}
    </div>
  );
}

function quoting(
  { reply_to }: Message,
  { awaitedId, missingId }: { awaitedId: string | null; missingId: string | null },
): Quoting {
  const id = reply_to?.message_id ?? null;
  return id === null ? null : id === awaitedId ? "awaited" : id === missingId ? "missing" : null;
}

import { useCallback, useMemo, useRef, useState } from "react";

import { displayName } from "../core/names";
import type { Conversation, Message } from "../model";
import { DownIcon } from "../page/Icons";
import { ThreadRow } from "./ThreadRow";
import { useFirstNew } from "./useFirstNew";
import { useSought } from "./useSought";
import { useThreadScroll } from "./useThreadScroll";

const AHEAD_PX = 1500;

type Props = {
  readonly conversation: Conversation;
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | null;
  readonly typing: string | null;
  readonly nowMs: number;
  /** A message to show, by `id`. */
  readonly soughtId: number | null;
  readonly onOlder: () => void;
  readonly onSeen: (upToId: number) => void;
};

/** The messages of one conversation; made anew (by `key`) for another one. */
export function ThreadView(props: Props) {
  const { conversation, hasOlder, isLoading, onOlder, soughtId } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const [isAtBottom, setAtBottom] = useState(true);
  const [markedId, setMarkedId] = useState<number | null>(null);
  // The oldest one waits until it is known what stands before it: a row that loses its heading would move what is read.
  const waiting = hasOlder && props.messages.length > 1 ? 1 : 0;
  const messages = useMemo(() => props.messages.slice(waiting), [waiting, props.messages]);
  const newestId = useMemo(() => messages.reduce((greatest, message) => Math.max(greatest, message.id), 0), [messages]);
  const byPlatformId = useMemo(() => new Map(messages.map((message) => [message.message_id, message])), [messages]);
  const firstNewId = useFirstNew(conversation.unread_count, messages, newestId, isAtBottom);
  const scroll = useThreadScroll(scrollerRef, { messages, newestId, firstNewId, isAtBottom, setAtBottom, onSeen: props.onSeen });
  const name = displayName(conversation);

  const { showIndex } = scroll;
  const show = useCallback(
    (id: number) => {
      showIndex(messages.findIndex((message) => message.id === id));
      setMarkedId(id);
    },
    [showIndex, messages],
  );
  const isHere = useMemo(() => soughtId !== null && messages.some((message) => message.id === soughtId), [messages, soughtId]);
  useSought({ soughtId, isHere, hasOlder, isLoading, onOlder, show });

  const onScroll = () => {
    scroll.onScroll();
    const element = scrollerRef.current;
    if (element && element.scrollTop < AHEAD_PX && hasOlder && !isLoading) onOlder();
  };

  return (
    <div className="thread-frame">
      <div className="thread" ref={scrollerRef} onScroll={onScroll} tabIndex={0} role="region" aria-label={`Messages with ${name}`} id="thread">
        <div className="thread-inner">
          <div className="thread-top">
            {props.error !== null ? <span role="alert">{props.error} <button type="button" className="link" onClick={onOlder}>Try again</button></span>
              : hasOlder || isLoading ? <span className="note">Loading older messages…</span>
              : <span className="note">This is where the conversation begins</span>}
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
                    firstNewId={firstNewId}
                    repliedTo={message.reply_to?.message_id ? (byPlatformId.get(message.reply_to.message_id) ?? null) : null}
                    senderName={message.direction === "incoming" ? name : (message.sender_name ?? "You")}
                    nowMs={props.nowMs}
                    isFound={message.id === markedId}
                    onQuote={show}
                  />
                </li>
              );
            })}
          </ol>
          <div className="typing" role="status">{props.typing}</div>
        </div>
      </div>
      {!isAtBottom && (
        <button type="button" className="to-bottom" onClick={scroll.toBottom}>
          <DownIcon />
          {scroll.newBelow > 0 ? `${scroll.newBelow.toString()} new` : <span className="visually-hidden">To the newest message</span>}
        </button>
      )}
    </div>
  );
}

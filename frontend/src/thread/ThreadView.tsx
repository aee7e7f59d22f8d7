import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { firstUnread, rowsOf } from "../core/grouping";
import { displayName } from "../core/names";
import type { Conversation, Message } from "../model";
import { DownIcon } from "../page/Icons";
import { clock } from "../page/useNow";
import { MessageView } from "./MessageView";

const AT_BOTTOM_PX = 48;
const AHEAD_PX = 900;
/** How many pages are looked through for a message that a search has found. */
const MAX_PAGES_TO_FIND = 20;

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
  const { conversation, messages, onOlder, hasOlder, isLoading, soughtId } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const view = useScrollKeeping(scrollerRef, messages, props.onSeen);
  const firstNewId = useFirstNew(conversation, messages, view.isAtBottom);
  const rows = useMemo(() => rowsOf(messages, clock, firstNewId), [messages, firstNewId]);
  const byPlatformId = useMemo(() => new Map(messages.map((message) => [message.message_id, message])), [messages]);
  const foundId = useSought(scrollerRef, { soughtId, messages, hasOlder, isLoading, onOlder, leave: view.leaveBottom });
  const [quotedId, setQuotedId] = useState<number | null>(null);
  const name = displayName(conversation);

  const showMessage = useCallback(
    (id: number) => {
      view.leaveBottom();
      document.getElementById(`message-${id.toString()}`)?.scrollIntoView({ block: "center" });
      setQuotedId(id);
    },
    [view],
  );
  const onScroll = () => {
    view.onScroll();
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
          <ol className="messages">
            {rows.map((row) =>
              row.type === "day" ? <li key={row.key} className="day"><time dateTime={clock.dayKey(row.at)}>{clock.day(row.at, props.nowMs)}</time></li>
              : row.type === "new" ? <li key={row.key} className="new-divider" id="new-messages"><span>New messages</span></li>
              : (
                <li key={row.key} id={`message-${row.message.id.toString()}`} data-message={row.message.id}>
                  <MessageView
                    message={row.message}
                    isFirst={row.isFirst}
                    isLast={row.isLast}
                    repliedTo={row.message.reply_to?.message_id ? (byPlatformId.get(row.message.reply_to.message_id) ?? null) : null}
                    senderName={row.message.direction === "incoming" ? name : (row.message.sender_name ?? "You")}
                    nowMs={props.nowMs}
                    isFound={row.message.id === foundId || row.message.id === quotedId}
                    onQuote={showMessage}
                  />
                </li>
              ),
            )}
          </ol>
          <div className="typing" role="status">{props.typing}</div>
        </div>
      </div>
      {!view.isAtBottom && (
        <button type="button" className="to-bottom" onClick={view.toBottom}>
          <DownIcon />
          {view.newBelow > 0 ? `${view.newBelow.toString()} new` : <span className="visually-hidden">To the newest message</span>}
        </button>
      )}
    </div>
  );
}

/** At the bottom the view follows what comes; anywhere else what is being read stays where it is, whatever changes around it. */
function useScrollKeeping(scrollerRef: React.RefObject<HTMLDivElement | null>, messages: readonly Message[], onSeen: (upToId: number) => void) {
  const [isAtBottom, setAtBottom] = useState(true);
  const stick = useRef(true);
  const anchor = useRef<{ id: string; top: number } | null>(null);
  const lastSeenId = useRef(0);
  const [seenId, setSeenId] = useState(0);
  const placed = useRef(false);

  const remember = useCallback(() => {
    const element = scrollerRef.current;
    if (!element) return;
    anchor.current = topmost(element);
    if (document.visibilityState !== "visible" || element.clientHeight === 0) return;
    const id = stick.current ? Math.max(0, ...messages.map((message) => message.id)) : lowestVisible(element);
    if (id > lastSeenId.current) {
      lastSeenId.current = id;
      setSeenId(id);
      onSeen(id);
    }
  }, [scrollerRef, messages, onSeen]);

  const settle = useCallback(() => {
    const element = scrollerRef.current;
    if (!element) return;
    if (stick.current) element.scrollTo({ top: element.scrollHeight, behavior: "instant" });
    else if (anchor.current) {
      const row = document.getElementById(anchor.current.id);
      if (row) element.scrollBy({ top: row.getBoundingClientRect().top - element.getBoundingClientRect().top - anchor.current.top, behavior: "instant" });
    }
    remember();
  }, [scrollerRef, remember]);

  useLayoutEffect(() => {
    const element = scrollerRef.current;
    if (!placed.current && element && messages.length > 0) {
      placed.current = true;
      const divider = document.getElementById("new-messages");
      if (divider) {
        element.scrollTo({ top: element.scrollHeight, behavior: "instant" });
        const above = divider.getBoundingClientRect().top - element.getBoundingClientRect().top;
        if (above < 0) {
          element.scrollBy({ top: above - 24, behavior: "instant" });
          stick.current = false;
          setAtBottom(false);
          remember();
          return;
        }
      }
    }
    settle();
  }, [scrollerRef, messages, settle, remember]);

  useEffect(() => {
    const element = scrollerRef.current;
    if (!element) return;
    const observer = new ResizeObserver(settle);
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    document.addEventListener("visibilitychange", remember);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", remember);
    };
  }, [scrollerRef, settle, remember]);

  const leaveBottom = useCallback(() => {
    stick.current = false;
    setAtBottom(false);
  }, []);
  const toBottom = useCallback(() => {
    stick.current = true;
    setAtBottom(true);
    settle();
  }, [settle]);
  const onScroll = useCallback(() => {
    const element = scrollerRef.current;
    if (!element) return;
    stick.current = element.scrollHeight - element.scrollTop - element.clientHeight < AT_BOTTOM_PX;
    setAtBottom(stick.current);
    remember();
  }, [scrollerRef, remember]);

  const newBelow = isAtBottom ? 0 : messages.filter((message) => message.id > seenId && message.direction === "incoming" && !message.deleted_at).length;
  return useMemo(() => ({ isAtBottom, newBelow, leaveBottom, toBottom, onScroll }), [isAtBottom, newBelow, leaveBottom, toBottom, onScroll]);
}

/** Where "New messages" stands: above what was unread when the thread was opened, or came while nobody looked. */
function useFirstNew(conversation: Conversation, messages: readonly Message[], isAtBottom: boolean): number | null {
  const [firstNew, setFirstNew] = useState<number | null>(null);
  const [newest, setNewest] = useState<number | null>(null);
  const top = messages.reduce((greatest, message) => Math.max(greatest, message.id), 0);
  if (newest === null && messages.length > 0) {
    setNewest(top);
    setFirstNew(firstUnread(messages, conversation.unread_count));
  } else if (newest !== null && top > newest) {
    setNewest(top);
    const looking = isAtBottom && document.visibilityState === "visible";
    const came = messages.find((message) => message.id > newest && message.direction === "incoming");
    if (!looking && came && (firstNew === null || conversation.unread_count <= 1)) setFirstNew(came.id);
  }
  return firstNew;
}

type Sought = {
  readonly soughtId: number | null;
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  readonly onOlder: () => void;
  readonly leave: () => void;
};

/** Go to a message that was searched for, loading older pages until it is there. */
function useSought(scrollerRef: React.RefObject<HTMLDivElement | null>, { soughtId, messages, hasOlder, isLoading, onOlder, leave }: Sought): number | null {
  const pages = useRef(0);
  const done = useRef<number | null>(null);
  useEffect(() => {
    if (soughtId === null || done.current === soughtId || messages.length === 0) return;
    const row = document.getElementById(`message-${soughtId.toString()}`);
    if (row) {
      done.current = soughtId;
      pages.current = 0;
      leave();
      row.scrollIntoView({ block: "center" });
    } else if (hasOlder && !isLoading && pages.current < MAX_PAGES_TO_FIND) {
      pages.current += 1;
      onOlder();
    }
  }, [scrollerRef, soughtId, messages, hasOlder, isLoading, onOlder, leave]);
  return soughtId;
}

function topmost(element: HTMLElement): { id: string; top: number } | null {
  const edge = element.getBoundingClientRect().top;
  for (const row of element.querySelectorAll<HTMLElement>("[data-message]")) {
    const box = row.getBoundingClientRect();
    if (box.bottom > edge) return { id: row.id, top: box.top - edge };
  }
  return null;
}

function lowestVisible(element: HTMLElement): number {
  const edge = element.getBoundingClientRect().bottom;
  let lowest = 0;
  for (const row of element.querySelectorAll<HTMLElement>("[data-message]")) {
    if (row.getBoundingClientRect().top > edge - 16) break;
    lowest = Math.max(lowest, Number(row.dataset["message"]));
  }
  return lowest;
}

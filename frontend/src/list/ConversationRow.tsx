import { memo } from "react";

import { displayName } from "../core/names";
import { previewOf } from "../core/preview";
import type { Conversation } from "../model";
import { Avatar } from "../ui/Avatar";
import { timeFormat } from "../ui/timeFormat";

type Props = {
  readonly conversation: Conversation;
  readonly nowMs: number;
  readonly isOpen: boolean;
  readonly isTyping: boolean;
};

const MAX_BADGE = 99;

/** A conversation in the list: who, when, the last message, and how many are unread. */
export const ConversationRow = memo(function ConversationRow({ conversation, nowMs, isOpen, isTyping }: Props) {
  const { last_message: last, last_message_at: at, unread_count: unread } = conversation;
  const preview = last ? previewOf(last) : { text: "No messages yet", isNote: true };
  return (
    <div className={`row${isOpen ? " row-open" : ""}${unread > 0 ? " row-unread" : ""}`}>
      <Avatar conversation={conversation} size="small" />
      <div className="row-main">
        <div className="row-line">
          <bdi className="row-name" dir="auto">
            {displayName(conversation)}
          </bdi>
          {at !== null && (
            <time className="row-time" dateTime={at} title={timeFormat.full(at)}>
              {timeFormat.short(at, nowMs)}
            </time>
          )}
        </div>
        <div className="row-line">
          <span className={`row-preview${preview.isNote || isTyping ? " note" : ""}`} dir="auto">
            {isTyping ? (
              "A colleague is typing…"
            ) : (
              <>
                {last?.direction === "outgoing" && !preview.isNote && <span className="row-you">You: </span>}
                {preview.text}
              </>
            )}
          </span>
          {unread > 0 && (
            <span className="badge">
              {unread > MAX_BADGE ? `${MAX_BADGE.toString()}+` : unread}
              <span className="visually-hidden"> unread</span>
            </span>
          )}
        </div>
      </div>
    </div>
  );
});

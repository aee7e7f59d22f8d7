import { memo } from "react";

import { displayName } from "../core/names";
import { previewOf } from "../core/preview";
import type { Conversation } from "../model";
import { Avatar } from "../ui/Avatar";
import { clock } from "../ui/useNow";

type Props = {
  readonly conversation: Conversation;
  readonly nowMs: number;
  readonly isOpen: boolean;
  readonly isTyping: boolean;
};

/** What a conversation shows in the list. */
export const ConversationRow = memo(function ConversationRow({ conversation, nowMs, isOpen, isTyping }: Props) {
  const last = conversation.last_message;
  const preview = last ? previewOf(last) : { text: "No messages yet", isNote: true };
  const unread = conversation.unread_count;
  return (
    <div className={`row${isOpen ? " row-open" : ""}${unread > 0 ? " row-unread" : ""}`}>
      <Avatar conversation={conversation} size="small" />
      <div className="row-main">
        <div className="row-line">
          <bdi className="row-name" dir="auto">
            {displayName(conversation)}
          </bdi>
          {conversation.last_message_at !== null && (
            <time
              className="row-time"
              dateTime={conversation.last_message_at}
              title={clock.full(conversation.last_message_at)}
            >
              {clock.short(conversation.last_message_at, nowMs)}
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
              {unread > 99 ? "99+" : unread}
              <span className="visually-hidden"> unread</span>
            </span>
          )}
        </div>
      </div>
    </div>
  );
});

import { memo } from "react";

import { rowLayout } from "../core/grouping";
import type { Message } from "../model";
import { timeFormat } from "../ui/timeFormat";
import { MessageView } from "./MessageView";
import type { QuoteState } from "./Quote";

type Props = {
  readonly message: Message;
  /** The neighbours; null if there are none. */
  readonly before: Message | null;
  readonly after: Message | null;
  /** `id` of the message below the "New messages" divider. */
  readonly firstUnreadId: number | null;
  /** The message that it replies to, if that is loaded. */
  readonly repliedTo: Message | null;
  readonly senderName: string;
  readonly nowMs: number;
  readonly isHighlighted: boolean;
  readonly quoteState: QuoteState;
  /** Jump to the message that it replies to, by the platform's ID. */
  readonly onQuote: (messageId: string) => void;
};

/** One message with what is above it. Rendered again only if it or a neighbour changes, not while scrolling. */
export const ThreadRow = memo(function ThreadRow({ message, before, after, firstUnreadId, ...shown }: Props) {
  const layout = rowLayout(before, message, after, timeFormat, firstUnreadId);
  return (
    <>
      {layout.startsDay && (
        <div className="day">
          <time dateTime={timeFormat.dayKey(message.created_at)}>
            {timeFormat.day(message.created_at, shown.nowMs)}
          </time>
        </div>
      )}
      {layout.startsUnread && (
        <div className="new-divider" id="new-messages">
          <span>New messages</span>
        </div>
      )}
      <MessageView
        message={message}
        startsGroup={layout.startsGroup}
        endsGroup={layout.endsGroup}
        showsTime={layout.showsTime}
        {...shown}
      />
    </>
  );
});

import { memo } from "react";

import { rowOf } from "../core/grouping";
import type { Message } from "../model";
import { clock } from "../ui/useNow";
import { MessageView, type Quoting } from "./MessageView";

type Props = {
  readonly message: Message;
  /** Its neighbours; null where there are none. */
  readonly before: Message | null;
  readonly after: Message | null;
  /** `id` of the message above which "New messages" stands. */
  readonly firstNewId: number | null;
  /** What it answers, where that is loaded. */
  readonly repliedTo: Message | null;
  readonly senderName: string;
  readonly nowMs: number;
  readonly isFound: boolean;
  readonly quoting: Quoting;
  /** Show what it answers, by the platform's id. */
  readonly onQuote: (messageId: string) => void;
};

/** One message with what stands above it. Drawn again only when it or a neighbour changes, not when the thread is scrolled. */
export const ThreadRow = memo(function ThreadRow({ message, before, after, firstNewId, ...shown }: Props) {
  const row = rowOf(before, message, after, clock, firstNewId);
  return (
    <>
      {row.isNewDay && (
        <div className="day">
          <time dateTime={clock.dayKey(message.created_at)}>{clock.day(message.created_at, shown.nowMs)}</time>
        </div>
      )}
      {row.isFirstNew && (
        <div className="new-divider" id="new-messages">
          <span>New messages</span>
        </div>
      )}
      <MessageView message={message} isFirst={row.isFirst} isLast={row.isLast} isTimed={row.isTimed} {...shown} />
    </>
  );
});

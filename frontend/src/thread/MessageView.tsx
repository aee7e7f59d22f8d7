import { memo } from "react";

import { linkify, safeUrl } from "../core/safeLinks";
import type { Message } from "../model";
import { ExternalLink } from "../ui/ExternalLink";
import { timeFormat } from "../ui/timeFormat";
import { AttachmentView } from "./AttachmentView";
import { DeliveryStatus } from "./DeliveryStatus";
import { Quote, type QuoteState } from "./Quote";

type Props = {
  readonly message: Message;
  readonly startsGroup: boolean;
  readonly endsGroup: boolean;
  /** Whether its time and status are visible. Screen readers always get them. */
  readonly showsTime: boolean;
  /** The message that it replies to, if that is loaded. */
  readonly repliedTo: Message | null;
  readonly senderName: string;
  readonly nowMs: number;
  readonly isHighlighted: boolean;
  readonly quoteState: QuoteState;
  /** Jump to the message that it replies to, by the platform's ID. */
  readonly onQuote: (messageId: string) => void;
};

const SENT_VIA: Readonly<Record<string, string>> = {
  page_inbox: "Sent from the page inbox",
  native_app: "Sent from the phone",
  other_app: "Sent by another app",
};

/** One message. */
export const MessageView = memo(function MessageView(props: Props) {
  const { message, startsGroup, endsGroup } = props;
  const isOutgoing = message.direction === "outgoing";
  const isUnsent = message.deleted_at !== null;
  const isEdited = message.edited_at !== null && !isUnsent;
  const sentVia = isOutgoing && endsGroup && message.sent_via ? SENT_VIA[message.sent_via] : undefined;
  const classes = [
    "message",
    isOutgoing ? "out" : "in",
    startsGroup && "first",
    endsGroup && "last",
    props.isHighlighted && "found",
  ];
  return (
    <div className={classes.filter(Boolean).join(" ")}>
      {startsGroup && (
        <span className={isOutgoing ? "visually-hidden" : "sender"}>
          <bdi dir="auto">{isOutgoing ? "You" : props.senderName}</bdi>
        </span>
      )}
      <div className="bubble-line">
        <Bubble {...props} />
        {message.reactions.length > 0 && <Reactions message={message} senderName={props.senderName} />}
      </div>
      <div className={props.showsTime || isEdited ? "meta" : "meta visually-hidden"}>
        {isEdited && <span title={timeFormat.full(message.edited_at)}>Edited</span>}
        {sentVia && <span>{sentVia}</span>}
        <time dateTime={message.created_at} title={timeFormat.full(message.created_at)}>
          {timeFormat.time(message.created_at)}
        </time>
        {isOutgoing && <DeliveryStatus message={message} />}
      </div>
      {message.status === "failed" && (
        <div className="failure">{message.error ?? "This message was not delivered."}</div>
      )}
    </div>
  );
});

function Bubble({ message, showsTime, nowMs, repliedTo, quoteState, onQuote }: Props) {
  const isUnsent = message.deleted_at !== null;
  const isEmpty = !isUnsent && !message.content && message.attachments.length === 0;
  const classes = ["bubble", isUnsent && "bubble-unsent", message.status === "failed" && "bubble-failed"];
  return (
    <div
      title={showsTime ? undefined : timeFormat.full(message.created_at)}
      className={classes.filter(Boolean).join(" ")}
    >
      {message.referral && !isUnsent && <ReferralNote referral={message.referral} />}
      {message.reply_to && <Quote message={message} repliedTo={repliedTo} state={quoteState} onQuote={onQuote} />}
      {isUnsent && (
        <span className="note">
          {message.direction === "outgoing" ? "You unsent this message" : "This message was unsent"}
        </span>
      )}
      {message.attachments.length > 0 && (
        <div className="attachments">
          {message.attachments.map((attachment, index) => (
            <AttachmentView key={index} message={message} index={index} attachment={attachment} nowMs={nowMs} />
          ))}
        </div>
      )}
      {message.kind === "postback" && !isUnsent && <span className="postback-mark">Pressed a button</span>}
      {message.content && <Text text={message.content} />}
      {isEmpty && <span className="note">{message.error ?? "Empty message"}</span>}
    </div>
  );
}

function Text({ text }: { text: string }) {
  return (
    <p className="text" dir="auto">
      {linkify(text).map((part, index) =>
        part.href ? (
          <ExternalLink key={index} href={part.href}>
            {part.text}
          </ExternalLink>
        ) : (
          part.text
        ),
      )}
    </p>
  );
}

function Reactions({ message, senderName }: { message: Message; senderName: string }) {
  const byEmoji = new Map<string, string[]>();
  for (const reaction of message.reactions) {
    const name = reaction.actor_id === message.page_id ? "You" : senderName;
    byEmoji.set(reaction.emoji, [...(byEmoji.get(reaction.emoji) ?? []), name]);
  }
  return (
    <ul className="reactions" aria-label="Reactions">
      {[...byEmoji].map(([emoji, names]) => (
        <li key={emoji} title={names.join(", ")}>
          {emoji}
          {names.length > 1 && <span className="reaction-count">{names.length}</span>}
          <span className="visually-hidden"> by {names.join(", ")}</span>
        </li>
      ))}
    </ul>
  );
}

/** Where the customer came from. */
function ReferralNote({ referral }: { referral: NonNullable<Message["referral"]> }) {
  const source = referral.ad_id ? "From an ad" : referral.product_id ? "Asked about a product" : "From a link";
  const title = referral.title ?? referral.ref;
  const url = safeUrl(referral.url, window.location.origin);
  return (
    <span className="referral">
      {source}
      {title && (
        <>
          : <bdi dir="auto">{title}</bdi>
        </>
      )}
      {url && (
        <>
          {" "}
          · <ExternalLink href={url}>Open</ExternalLink>
        </>
      )}
    </span>
  );
}

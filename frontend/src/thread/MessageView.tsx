import { memo } from "react";

import { previewOf } from "../core/preview";
import { linkified, safeUrl } from "../core/safeLinks";
import type { Message } from "../model";
import { TickIcon, TicksIcon, WarningIcon } from "../ui/Icons";
import { clock } from "../ui/useNow";
import { AttachmentView, Outside } from "./AttachmentView";

/** Whether what a message answers is being looked for, or was not found. */
export type Quoting = "awaited" | "missing" | null;

type Props = {
  readonly message: Message;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Whether its time and its ticks are seen; they are there for screen readers in any case. */
  readonly isTimed: boolean;
  /** What it answers, where that is loaded. */
  readonly repliedTo: Message | null;
  readonly senderName: string;
  readonly nowMs: number;
  readonly isFound: boolean;
  readonly quoting: Quoting;
  /** Show what it answers, by the platform's id. */
  readonly onQuote: (messageId: string) => void;
};

const SENT_WITH: Readonly<Record<string, string>> = {
  page_inbox: "sent from the page's inbox",
  native_app: "sent from the phone",
  other_app: "sent by another tool",
};

/** One message. */
export const MessageView = memo(function MessageView(props: Props) {
  const { message, isFirst, isLast } = props;
  const out = message.direction === "outgoing";
  const unsent = message.deleted_at !== null;
  const wasEdited = message.edited_at !== null && !unsent;
  const isEmpty = !unsent && !message.content && message.attachments.length === 0;
  return (
    <div
      className={`message ${out ? "out" : "in"}${isFirst ? " first" : ""}${isLast ? " last" : ""}${props.isFound ? " found" : ""}`}
    >
      {isFirst && (
        <span className={out ? "visually-hidden" : "sender"}>
          <bdi dir="auto">{out ? "You" : props.senderName}</bdi>
        </span>
      )}
      <div className="bubble-line">
        <div
          title={props.isTimed ? undefined : clock.full(message.created_at)}
          className={`bubble${unsent ? " bubble-unsent" : ""}${message.status === "failed" ? " bubble-failed" : ""}`}
        >
          {message.referral && !unsent && <ReferralNote message={message} />}
          {message.reply_to && (
            <Quote message={message} repliedTo={props.repliedTo} quoting={props.quoting} onQuote={props.onQuote} />
          )}
          {unsent && <span className="note">{out ? "You unsent this message" : "This message was unsent"}</span>}
          {message.attachments.length > 0 && (
            <div className="attachments">
              {message.attachments.map((attachment, index) => (
                <AttachmentView
                  key={index}
                  message={message}
                  index={index}
                  attachment={attachment}
                  nowMs={props.nowMs}
                />
              ))}
            </div>
          )}
          {message.kind === "postback" && !unsent && <span className="postback-mark">Pressed a button</span>}
          {message.content && <Text text={message.content} />}
          {isEmpty && <span className="note">{message.error ?? "A message without content"}</span>}
        </div>
        {message.reactions.length > 0 && <Reactions message={message} senderName={props.senderName} />}
      </div>
      <div className={props.isTimed || wasEdited ? "meta" : "meta visually-hidden"}>
        {wasEdited && <span title={clock.full(message.edited_at)}>Edited</span>}
        {out && message.sent_via && SENT_WITH[message.sent_via] && isLast && <span>{SENT_WITH[message.sent_via]}</span>}
        <time dateTime={message.created_at} title={clock.full(message.created_at)}>
          {clock.time(message.created_at)}
        </time>
        {out && <Ticks message={message} />}
      </div>
      {message.status === "failed" && <div className="failure">{message.error ?? "It was not delivered."}</div>}
    </div>
  );
});

function Text({ text }: { text: string }) {
  return (
    <p className="text" dir="auto">
      {linkified(text).map((piece, index) =>
        piece.href ? (
          <Outside key={index} href={piece.href}>
            {piece.text}
          </Outside>
        ) : (
          piece.text
        ),
      )}
    </p>
  );
}

function Quote({ message, repliedTo, quoting, onQuote }: Pick<Props, "message" | "repliedTo" | "quoting" | "onQuote">) {
  if (message.reply_to?.story) {
    const url = message.reply_to.story["url"];
    const safe = typeof url === "string" ? safeUrl(url, window.location.origin) : null;
    return (
      <span className="quote">
        <span className="quote-name">
          {message.direction === "incoming" ? "Replied to your story" : "Replied to their story"}
        </span>
        {safe && <Outside href={safe}>Open the story</Outside>}
      </span>
    );
  }
  const id = message.reply_to?.message_id;
  if (!repliedTo) {
    const text =
      quoting === "missing"
        ? "The message was not found"
        : quoting === "awaited"
          ? "Looking for the message…"
          : "Replied to an earlier message";
    const said = (
      <span className="quote-text note" role={quoting === null ? undefined : "status"}>
        {text}
      </span>
    );
    return id ? (
      <button type="button" className="quote" onClick={() => onQuote(id)}>
        {said}
      </button>
    ) : (
      <span className="quote">{said}</span>
    );
  }
  return (
    <button type="button" className="quote" onClick={() => onQuote(repliedTo.message_id)}>
      <span className="quote-name">
        <bdi dir="auto">{repliedTo.direction === "outgoing" ? "You" : (repliedTo.sender_name ?? "Customer")}</bdi>
      </span>
      <span className="quote-text" dir="auto">
        {previewOf(repliedTo).text}
      </span>
    </button>
  );
}

function Reactions({ message, senderName }: { message: Message; senderName: string }) {
  const counted = new Map<string, string[]>();
  for (const reaction of message.reactions) {
    const who = reaction.actor_id === message.page_id ? "You" : senderName;
    counted.set(reaction.emoji, [...(counted.get(reaction.emoji) ?? []), who]);
  }
  return (
    <ul className="reactions" aria-label="Reactions">
      {[...counted].map(([emoji, who]) => (
        <li key={emoji} title={who.join(", ")}>
          {emoji}
          {who.length > 1 && <span className="reaction-count">{who.length}</span>}
          <span className="visually-hidden"> by {who.join(", ")}</span>
        </li>
      ))}
    </ul>
  );
}

function ReferralNote({ message }: { message: Message }) {
  const { referral } = message;
  if (!referral) return null;
  const from = referral.ad_id
    ? "Came from an advertisement"
    : referral.product_id
      ? "Asked about a product"
      : "Came by a link";
  const what = referral.title ?? referral.ref;
  const url = safeUrl(referral.url, window.location.origin);
  return (
    <span className="referral">
      {from}
      {what && (
        <>
          : <bdi dir="auto">{what}</bdi>
        </>
      )}
      {url && (
        <>
          {" "}
          · <Outside href={url}>open</Outside>
        </>
      )}
    </span>
  );
}

function Ticks({ message }: { message: Message }) {
  switch (message.status) {
    case "failed":
      return (
        <span className="ticks ticks-failed">
          <WarningIcon />
          <span>Not delivered</span>
        </span>
      );
    case "read":
    case "played": {
      const when = message.read_at ? ` at ${clock.time(message.read_at)}` : "";
      const word = message.status === "played" ? "Played" : "Read";
      return (
        <span className="ticks ticks-read" title={`${word}${when}`}>
          <TicksIcon />
          <span className="visually-hidden">
            {word}
            {when}
          </span>
        </span>
      );
    }
    case "delivered":
      return (
        <span className="ticks" title="Delivered">
          <TicksIcon />
          <span className="visually-hidden">Delivered</span>
        </span>
      );
    case "sent":
      return (
        <span className="ticks" title="Sent">
          <TickIcon />
          <span className="visually-hidden">Sent</span>
        </span>
      );
    case null:
      return null;
  }
}

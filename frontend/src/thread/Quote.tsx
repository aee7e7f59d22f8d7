import { previewOf } from "../core/preview";
import { safeUrl } from "../core/safeLinks";
import type { Message } from "../model";
import { ExternalLink } from "../ui/ExternalLink";

/** Whether the quoted message is being searched for, or was not found. */
export type QuoteState = "pending" | "missing" | null;

type Props = {
  readonly message: Message;
  /** The message that it replies to, if that is loaded. */
  readonly repliedTo: Message | null;
  readonly state: QuoteState;
  readonly onQuote: (messageId: string) => void;
};

/** What a message replies to. A click jumps there. */
export function Quote({ message, repliedTo, state, onQuote }: Props) {
  if (message.reply_to?.story) return <StoryQuote message={message} story={message.reply_to.story} />;
  if (repliedTo) {
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
  const id = message.reply_to?.message_id;
  const text = (
    <span className="quote-text note" role={state === null ? undefined : "status"}>
      {state === "missing"
        ? "Message not found"
        : state === "pending"
          ? "Looking for the message…"
          : "Replied to an earlier message"}
    </span>
  );
  if (!id) return <span className="quote">{text}</span>;
  return (
    <button type="button" className="quote" onClick={() => onQuote(id)}>
      {text}
    </button>
  );
}

function StoryQuote({ message, story }: { message: Message; story: Readonly<Record<string, unknown>> }) {
  const url = story["url"];
  const href = typeof url === "string" ? safeUrl(url, window.location.origin) : null;
  return (
    <span className="quote">
      <span className="quote-name">
        {message.direction === "incoming" ? "Replied to your story" : "Replied to their story"}
      </span>
      {href && <ExternalLink href={href}>Open story</ExternalLink>}
    </span>
  );
}

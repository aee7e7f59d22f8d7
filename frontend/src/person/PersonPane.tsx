import { displayName, platformName } from "../core/names";
import type { Account, Conversation, Message } from "../model";
import { Avatar } from "../ui/Avatar";
import { CloseIcon } from "../ui/Icons";

type Props = {
  readonly conversation: Conversation;
  readonly accounts: readonly Account[];
  readonly messages: readonly Message[];
  /** Other conversations that are known, by id. */
  readonly known: (id: string) => Conversation | undefined;
  readonly others: readonly Conversation[];
  readonly viewers: readonly string[];
  readonly onOpen: (id: string) => void;
  readonly onClose: () => void;
};

/** Who it is. */
export function PersonPane({ conversation, accounts, messages, known, others, viewers, onOpen, onClose }: Props) {
  const last = conversation.last_message;
  const pages = [...new Set([...messages.map((message) => message.page_id), ...(last ? [last.page_id] : [])])];
  const pageName = (id: string) =>
    accounts.find((account) => account.page_id === id && account.platform === conversation.platform)?.name;
  return (
    <aside className="person" aria-label="Who it is">
      <button type="button" className="icon-button person-close" onClick={onClose} aria-label="Close">
        <CloseIcon />
      </button>
      <div className="person-head">
        <Avatar conversation={conversation} size="large" />
        <h2>
          <bdi dir="auto">{displayName(conversation)}</bdi>
        </h2>
        {conversation.participant_username && conversation.participant_name && (
          <p className="note">
            <bdi>@{conversation.participant_username}</bdi>
          </p>
        )}
      </div>
      {viewers.length > 0 && <p className="person-viewers">Also looking at this: {viewers.join(", ")}</p>}
      <dl>
        <dt>Platform</dt>
        <dd>{platformName(conversation.platform)}</dd>
        <dt>{conversation.platform === "whatsapp" ? "Phone or user ID" : "ID"}</dt>
        <dd>
          <bdi>{conversation.participant_id}</bdi>
        </dd>
        {pages.length > 0 && (
          <>
            <dt>{pages.length > 1 ? "Wrote to" : conversation.platform === "whatsapp" ? "Number" : "Page"}</dt>
            {pages.map((id) => (
              <dd key={id}>
                <bdi dir="auto">{pageName(id) ?? id}</bdi>
              </dd>
            ))}
          </>
        )}
        {conversation.linked.length > 0 && (
          <>
            <dt>Also known as</dt>
            {conversation.linked.map((link) => (
              <dd key={link.participant_id}>
                {known(link.conversation_id) ? (
                  <button type="button" className="link" onClick={() => onOpen(link.conversation_id)}>
                    <bdi>{link.participant_id}</bdi>
                  </button>
                ) : (
                  <bdi>{link.participant_id}</bdi>
                )}
              </dd>
            ))}
          </>
        )}
      </dl>
      {others.length > 0 && (
        <>
          <h3>Others of the same name</h3>
          <ul className="person-others">
            {others.map((other) => (
              <li key={other.conversation_id}>
                <button type="button" className="link" onClick={() => onOpen(other.conversation_id)}>
                  <bdi dir="auto">{displayName(other)}</bdi> · {platformName(other.platform)}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </aside>
  );
}

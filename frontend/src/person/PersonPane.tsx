import { displayName, platformName } from "../core/names";
import type { Account, Conversation, Message } from "../model";
import { Avatar } from "../ui/Avatar";
import { CloseIcon } from "../ui/Icons";

type Props = {
  readonly conversation: Conversation;
  readonly accounts: readonly Account[];
  readonly messages: readonly Message[];
  /** Return a conversation by ID, if it is known. */
  readonly findConversation: (id: string) => Conversation | undefined;
  /** Conversations with people of the same name. */
  readonly namesakes: readonly Conversation[];
  readonly viewers: readonly string[];
  readonly onOpen: (id: string) => void;
  readonly onClose: () => void;
};

/** Details of the customer. */
export function PersonPane(props: Props) {
  const { conversation, namesakes, viewers, onOpen, onClose } = props;
  return (
    <aside className="person" aria-label="Contact details">
      <button type="button" className="icon-button person-close" onClick={onClose} aria-label="Close contact details">
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
      {viewers.length > 0 && <p className="person-viewers">Also viewing: {viewers.join(", ")}</p>}
      <Facts {...props} />
      {namesakes.length > 0 && (
        <>
          <h3>Same name</h3>
          <ul className="person-others">
            {namesakes.map((other) => (
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

/** Platform, ID, the pages that the customer wrote to, and linked IDs. */
function Facts({ conversation, accounts, messages, findConversation, onOpen }: Props) {
  const { platform, last_message: last, linked } = conversation;
  const isWhatsApp = platform === "whatsapp";
  const pageIds = [...new Set([...messages, ...(last ? [last] : [])].map((message) => message.page_id))];
  const pageName = (id: string) =>
    accounts.find((account) => account.page_id === id && account.platform === platform)?.name;
  const pageLabel = isWhatsApp ? "Number" : "Page";
  return (
    <dl>
      <dt>Platform</dt>
      <dd>{platformName(platform)}</dd>
      <dt>{isWhatsApp ? "Phone or user ID" : "ID"}</dt>
      <dd>
        <bdi>{conversation.participant_id}</bdi>
      </dd>
      {pageIds.length > 0 && (
        <>
          <dt>{pageIds.length > 1 ? `${pageLabel}s` : pageLabel}</dt>
          {pageIds.map((id) => (
            <dd key={id}>
              <bdi dir="auto">{pageName(id) ?? id}</bdi>
            </dd>
          ))}
        </>
      )}
      {linked.length > 0 && (
        <>
          <dt>Also known as</dt>
          {linked.map((link) => {
            const id = <bdi>{link.participant_id}</bdi>;
            return (
              <dd key={link.participant_id}>
                {findConversation(link.conversation_id) ? (
                  <button type="button" className="link" onClick={() => onOpen(link.conversation_id)}>
                    {id}
                  </button>
                ) : (
                  id
                )}
              </dd>
            );
          })}
        </>
      )}
    </dl>
  );
}

import { useConversation, useInbox, useInboxClient } from "@switchboard/client/react";
import { useCallback, useMemo } from "react";

import { displayName } from "../core/names";
import type { Conversation, SearchHit } from "../model";
import { PersonPane } from "../person/PersonPane";
import { ThreadView } from "../thread/ThreadView";
import { Avatar } from "../ui/Avatar";
import { BackIcon, PersonIcon } from "../ui/Icons";

/** The name of a device without one: another agent of the same inbox. */
const COLLEAGUE = "A colleague";
const MAX_NAMESAKES = 10;

type Props = {
  readonly id: string;
  /** The search hit that was opened, if any. */
  readonly hit: SearchHit | null;
  readonly nowMs: number;
  readonly isPersonShown: boolean;
  readonly setPersonShown: (isShown: boolean) => void;
  readonly open: (id: string | null) => void;
  /** The loaded conversations, to find namesakes in. */
  readonly loaded: readonly Conversation[];
};

/** One conversation with its contact details. Use a `key` to mount it anew for another one. */
export function OpenConversation({ id, hit, nowMs, isPersonShown, setPersonShown, open, loaded }: Props) {
  const client = useInboxClient();
  const view = useConversation(id);
  const { accounts } = useInbox();
  const ownHit = hit?.conversation.conversation_id === id ? hit : null;
  const conversation = view.conversation ?? ownHit?.conversation ?? null;
  const jumpTarget = useMemo(() => (ownHit?.message ? { id: ownHit.message.id } : null), [ownHit]);
  const { markRead } = view;
  const onSeen = useCallback((upToId: number) => markRead(upToId), [markRead]);
  const typists = view.typing.map((device) => device.name ?? COLLEAGUE);
  const viewers = view.viewers.map((device) => device.name ?? COLLEAGUE);
  const name = conversation?.participant_name;
  const namesakes = useMemo(
    () =>
      name
        ? loaded
            .filter((other) => other.participant_name === name && other.conversation_id !== id)
            .slice(0, MAX_NAMESAKES)
        : [],
    [loaded, name, id],
  );

  if (!conversation) {
    const status = view.loaded
      ? "Conversation not found"
      : view.error === null
        ? "Loading conversation…"
        : "Could not load this conversation.";
    return (
      <main className="thread-pane thread-none">
        <p role="status" className="note" title={view.error ?? undefined}>
          {status}
        </p>
        <button type="button" className="link" onClick={() => open(null)}>
          Back to conversations
        </button>
      </main>
    );
  }
  return (
    <>
      <main className="thread-pane" aria-label={`Conversation with ${displayName(conversation)}`}>
        <div className="thread-head">
          <button
            type="button"
            className="icon-button back"
            aria-label="Back to conversations"
            onClick={() => open(null)}
          >
            <BackIcon />
          </button>
          <Avatar conversation={conversation} size="small" />
          <h2>
            <bdi dir="auto">{displayName(conversation)}</bdi>
          </h2>
          {viewers.length > 0 && <span className="note viewers">{withVerb(viewers)} viewing</span>}
          <button
            type="button"
            className="icon-button person-toggle"
            aria-label="Contact details"
            aria-pressed={isPersonShown}
            onClick={() => setPersonShown(!isPersonShown)}
          >
            <PersonIcon />
          </button>
        </div>
        <ThreadView
          conversation={conversation}
          messages={view.messages}
          isLoading={view.loading || !view.loaded}
          hasOlder={view.hasOlder}
          error={view.error}
          typing={typists.length === 0 ? null : `${withVerb(typists)} typing…`}
          nowMs={nowMs}
          jumpTarget={jumpTarget}
          onOlder={view.loadOlder}
          onSeen={onSeen}
        />
      </main>
      <PersonPane
        conversation={conversation}
        accounts={accounts}
        messages={view.messages}
        findConversation={(otherId) => client.getState().conversations.get(otherId)}
        namesakes={namesakes}
        viewers={viewers}
        onOpen={open}
        onClose={() => setPersonShown(false)}
      />
    </>
  );
}

/** Return "Grace is", or "Grace, Ada are". */
function withVerb(names: readonly string[]): string {
  return `${names.join(", ")} ${names.length > 1 ? "are" : "is"}`;
}

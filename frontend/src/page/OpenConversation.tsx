import { useConversation, useInbox, useInboxClient } from "@switchboard/client/react";
import { useCallback, useMemo } from "react";

import { displayName } from "../core/names";
import type { Conversation, SearchHit } from "../model";
import { PersonPane } from "../person/PersonPane";
import { ThreadView } from "../thread/ThreadView";
import { Avatar } from "../ui/Avatar";
import { BackIcon, PersonIcon } from "../ui/Icons";

type Props = {
  readonly id: string;
  readonly hit: SearchHit | null;
  readonly nowMs: number;
  readonly showsPerson: boolean;
  readonly setShowsPerson: (shows: boolean) => void;
  readonly open: (id: string | null) => void;
  readonly held: readonly Conversation[];
};

/** The thread of one conversation, and who it is; made anew (by `key`) for another one. */
export function OpenConversation({ id, hit, nowMs, showsPerson, setShowsPerson, open, held }: Props) {
  const client = useInboxClient();
  const view = useConversation(id);
  const { accounts } = useInbox();
  const given = hit?.conversation.conversation_id === id ? hit : null;
  const conversation = view.conversation ?? given?.conversation ?? null;
  const sought = useMemo(() => (given?.message ? { id: given.message.id } : null), [given]);
  const { markRead } = view;
  const onSeen = useCallback((upToId: number) => markRead(upToId), [markRead]);
  const names = view.typing.map((who) => who.name ?? "A colleague");
  const typing = names.length === 0 ? null : `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…`;
  const others = useMemo(() => {
    const name = conversation?.participant_name;
    return name ? held.filter((one) => one.participant_name === name && one.conversation_id !== id).slice(0, 10) : [];
  }, [held, conversation?.participant_name, id]);

  if (!conversation) {
    return (
      <main className="thread-pane thread-none">
        <p role="status" className="note">
          {view.loaded ? "This conversation is not here." : (view.error ?? "Loading…")}
        </p>
        <button type="button" className="link" onClick={() => open(null)}>
          Back to the conversations
        </button>
      </main>
    );
  }
  const name = displayName(conversation);
  return (
    <>
      <main className="thread-pane" aria-label={`Conversation with ${name}`}>
        <div className="thread-head">
          <button
            type="button"
            className="icon-button back"
            aria-label="Back to the conversations"
            onClick={() => open(null)}
          >
            <BackIcon />
          </button>
          <Avatar conversation={conversation} size="small" />
          <h2>
            <bdi dir="auto">{name}</bdi>
          </h2>
          {view.viewers.length > 0 && (
            <span className="note viewers">
              {view.viewers.map((who) => who.name ?? "A colleague").join(", ")} also here
            </span>
          )}
          <button
            type="button"
            className="icon-button person-toggle"
            aria-label="Who it is"
            aria-pressed={showsPerson}
            onClick={() => setShowsPerson(!showsPerson)}
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
          typing={typing}
          nowMs={nowMs}
          sought={sought}
          onOlder={view.loadOlder}
          onSeen={onSeen}
        />
      </main>
      <PersonPane
        conversation={conversation}
        accounts={accounts}
        messages={view.messages}
        known={(other) => client.getState().conversations.get(other)}
        others={others}
        viewers={view.viewers.map((who) => who.name ?? "A colleague")}
        onOpen={open}
        onClose={() => setShowsPerson(false)}
      />
    </>
  );
}

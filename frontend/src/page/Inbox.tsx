import { useConnectionStatus, useInbox, useInboxClient } from "@switchboard/client/react";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import { ConversationList } from "../list/ConversationList";
import { Filters } from "../list/Filters";
import { SearchField } from "../list/SearchField";
import { SearchResults } from "../list/SearchResults";
import { usePinned } from "../list/usePinned";
import { useSearch } from "../list/useSearch";
import type { Platform, SearchHit } from "../model";
import { useNow } from "../ui/useNow";
import { AccountBanner } from "./AccountBanner";
import { ConnectionIndicator } from "./ConnectionIndicator";
import { OpenConversation } from "./OpenConversation";
import type { SessionStore } from "./session";
import { Settings } from "./Settings";
import { useConversationRoute } from "./useConversationRoute";
import { useNotifications } from "./useNotifications";
import { useShortcuts } from "./useShortcuts";

/** The inbox: the list of conversations, the open one, and its contact details. */
export function Inbox({ session }: { session: SessionStore }) {
  const client = useInboxClient();
  const nowMs = useNow();
  const [platform, setPlatform] = useState<Platform | undefined>(undefined);
  const [isUnreadOnly, setUnreadOnly] = useState(false);
  const inbox = useInbox(useMemo(() => ({ platform, unread: isUnreadOnly || undefined }), [platform, isUnreadOnly]));
  const [openId, setOpenId] = useConversationRoute();
  const [activeId, setActiveId] = useState<string | null>(openId);
  const [text, setText] = useState("");
  const search = useSearch(text, platform);
  const [activeHit, setActiveHit] = useState(-1);
  const [openedHit, setOpenedHit] = useState<SearchHit | null>(null);
  const [isPersonShown, setPersonShown] = useState(false);
  const searchRef = useRef<HTMLInputElement>(null);
  const typingIds = useTypingIds();
  useEndedSession(session);
  useEffect(() => {
    // The unread count in the title includes conversations that are far down the list.
    void client.loadConversations({ unread: true }).catch(() => undefined);
  }, [client]);

  const open = useCallback(
    (id: string | null, hit: SearchHit | null = null) => {
      setOpenedHit(hit && { ...hit }); // a new object, so that opening the same hit again jumps to it again
      setOpenId(id);
      if (id !== null) setActiveId(id);
      // After the thread is rendered, so that the keyboard scrolls it.
      requestAnimationFrame(() =>
        document.getElementById(id === null ? "conversations" : "thread")?.focus({ preventScroll: true }),
      );
    },
    [setOpenId],
  );
  const openHit = useCallback((hit: SearchHit) => open(hit.conversation.conversation_id, hit), [open]);
  const onText = (value: string) => {
    setText(value);
    setActiveHit(-1);
  };
  const announcement = useNotifications(inbox.unreadCount, openId, open);
  const conversations = usePinned(
    inbox.conversations,
    isUnreadOnly ? openId : null,
    client.getState().conversations.get(openId ?? ""),
  );
  useShortcuts({ conversations, activeId, setActiveId, openId, open, searchRef });

  return (
    <div className="page" data-pane={openId === null ? "list" : isPersonShown ? "person" : "thread"}>
      <header className="top">
        <h1>
          Inbox
          {inbox.unreadCount > 0 && <span className="visually-hidden">, {inbox.unreadCount} unread</span>}
        </h1>
        <ConnectionIndicator />
        <Settings />
      </header>
      <AccountBanner accounts={inbox.accounts} />
      <div className="panes">
        <nav className="list-pane" aria-label="Conversations">
          <SearchField
            inputRef={searchRef}
            text={text}
            hits={search.hits}
            activeIndex={activeHit}
            onText={onText}
            onActive={setActiveHit}
            onOpen={openHit}
          />
          <Filters
            platform={platform}
            isUnreadOnly={isUnreadOnly}
            onPlatform={setPlatform}
            onUnreadOnly={setUnreadOnly}
          />
          {text.trim() !== "" ? (
            <SearchResults search={search} activeIndex={activeHit} nowMs={nowMs} onOpen={openHit} />
          ) : (
            <>
              {inbox.error !== null && <ListError error={inbox.error} onRetry={inbox.loadMore} />}
              <ConversationList
                key={`${platform ?? "all"} ${isUnreadOnly ? "unread" : "any"}`}
                conversations={conversations}
                openId={openId}
                activeId={activeId}
                typingIds={typingIds}
                nowMs={nowMs}
                hasMore={inbox.hasMore}
                isLoading={inbox.loading || !inbox.loaded}
                label={isUnreadOnly ? "Unread conversations" : "Conversations"}
                emptyText={isUnreadOnly ? "All caught up" : "No conversations yet. New ones appear here automatically."}
                onMore={inbox.loadMore}
                onOpen={open}
                onActive={setActiveId}
              />
            </>
          )}
        </nav>
        {openId === null ? (
          <NothingOpen />
        ) : (
          <OpenConversation
            key={openId}
            id={openId}
            hit={openedHit}
            nowMs={nowMs}
            isPersonShown={isPersonShown}
            setPersonShown={setPersonShown}
            open={open}
            loaded={inbox.conversations}
          />
        )}
      </div>
      <div className="visually-hidden" aria-live="polite" data-testid="announcer">
        {announcement}
      </div>
    </div>
  );
}

function ListError({ error, onRetry }: { error: string; onRetry: () => Promise<boolean> }) {
  return (
    <p className="list-error" role="alert">
      Could not load conversations: {error}{" "}
      <button type="button" className="link" onClick={() => void onRetry()}>
        Try again
      </button>
    </p>
  );
}

function NothingOpen() {
  return (
    <main className="thread-pane thread-none">
      <p>Select a conversation</p>
      <p className="note">
        <kbd>j</kbd> and <kbd>k</kbd> move down and up, <kbd>Enter</kbd> opens.
      </p>
    </main>
  );
}

/** End the session when the server no longer accepts the user. */
function useEndedSession(session: SessionStore): void {
  const { phase, reason } = useConnectionStatus();
  useEffect(() => {
    if (phase === "stopped" && (reason === "signed_out" || reason === "forbidden")) session.end();
  }, [session, phase, reason]);
}

/** The conversations in which another device is typing. */
function useTypingIds(): ReadonlySet<string> {
  const client = useInboxClient();
  const typing = useSyncExternalStore(client.subscribe, () => client.getState().typing);
  return useMemo(() => new Set(typing.map((entry) => entry.conversation_id)), [typing]);
}

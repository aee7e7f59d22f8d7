import { useConnectionStatus, useInbox, useInboxClient } from "@switchboard/client/react";
import {
  type KeyboardEvent as ReactKeyboardEvent,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { ConversationList } from "../list/ConversationList";
import { SearchResults } from "../list/SearchResults";
import { useKept } from "../list/usePinned";
import type { Platform, SearchHit } from "../model";
import { CloseIcon, SearchIcon } from "../ui/Icons";
import { OpenConversation } from "./OpenConversation";
import type { SessionStore } from "./session";
import { AccountBanner, ConnectionIndicator, Settings } from "./Settings";
import { useAttention } from "./useNotifications";
import { useKeys } from "./useShortcuts";
import { useNow } from "../ui/useNow";
import { useOpen } from "./useConversationRoute";
import { useSearch } from "./useSearch";

const PLATFORMS: readonly (readonly [Platform | undefined, string])[] = [
  [undefined, "All"],
  ["facebook", "Messenger"],
  ["instagram", "Instagram"],
  ["whatsapp", "WhatsApp"],
];

/** The page: conversations, the thread, who it is. */
export function Inbox({ session }: { session: SessionStore }) {
  const client = useInboxClient();
  const status = useConnectionStatus();
  const nowMs = useNow();
  const [platform, setPlatform] = useState<Platform | undefined>(undefined);
  const [unreadOnly, setUnreadOnly] = useState(false);
  const inbox = useInbox(useMemo(() => ({ platform, unread: unreadOnly || undefined }), [platform, unreadOnly]));
  const [openId, setOpen] = useOpen();
  const [activeId, setActiveId] = useState<string | null>(openId);
  const [text, setText] = useState("");
  const found = useSearch(text, platform);
  const [activeHit, setActiveHit] = useState(-1);
  const [picked, setPicked] = useState<SearchHit | null>(null);
  const [showsPerson, setShowsPerson] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const isSearching = text.trim() !== "";

  useEffect(() => {
    void client.loadConversations({ unread: true }).catch(() => undefined); // the title counts what is further down, too
  }, [client]);
  useEffect(() => {
    if (status.phase === "stopped" && (status.reason === "signed_out" || status.reason === "forbidden")) session.end();
  }, [session, status.phase, status.reason]);

  const open = useCallback(
    (id: string | null, hit: SearchHit | null = null) => {
      setPicked(hit && { ...hit }); // another one each time: the same hit is gone to again
      setOpen(id);
      if (id !== null) setActiveId(id);
      // After the thread is there; from a list, by key or by hand, reading goes on in it.
      requestAnimationFrame(() =>
        document.getElementById(id === null ? "conversations" : "thread")?.focus({ preventScroll: true }),
      );
    },
    [setOpen],
  );
  const told = useAttention(inbox.unreadCount, openId, open);
  const openHit = useCallback((hit: SearchHit) => open(hit.conversation.conversation_id, hit), [open]);

  // Without the one that is read just now, a list of unread ones would pull it away from under the reader.
  const conversations = useKept(
    inbox.conversations,
    unreadOnly ? openId : null,
    client.getState().conversations.get(openId ?? ""),
  );
  useKeys({ conversations, activeId, setActiveId, openId, open, search });

  const onSearchKey = (event: ReactKeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      setText("");
      setActiveHit(-1);
      search.current?.blur();
      requestAnimationFrame(() => document.getElementById("conversations")?.focus());
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setActiveHit((index) =>
        Math.max(0, Math.min(found.hits.length - 1, index + (event.key === "ArrowDown" ? 1 : -1))),
      );
    } else if (event.key === "Enter") {
      const hit = found.hits[Math.max(0, activeHit)];
      if (hit) openHit(hit);
    }
  };

  const typing = useSyncExternalStore(client.subscribe, () => client.getState().typing);
  const typingIds = useMemo(() => new Set(typing.map((one) => one.conversation_id)), [typing]);
  return (
    <div className="page" data-pane={openId === null ? "list" : showsPerson ? "person" : "thread"}>
      <header className="top">
        <h1>Inbox{inbox.unreadCount > 0 && <span className="visually-hidden">, {inbox.unreadCount} unread</span>}</h1>
        <ConnectionIndicator />
        <Settings />
      </header>
      <AccountBanner accounts={inbox.accounts} />
      <div className="panes">
        <nav className="list-pane" aria-label="Conversations">
          <div className="search" role="search">
            <SearchIcon />
            <input
              ref={search}
              type="search"
              value={text}
              placeholder="Search people and messages"
              aria-label="Search people and messages"
              aria-keyshortcuts="/"
              role="combobox"
              aria-autocomplete="list"
              aria-expanded={isSearching && found.hits.length > 0}
              aria-controls={isSearching && found.hits.length > 0 ? "results" : undefined}
              aria-activedescendant={
                isSearching && activeHit >= 0 && activeHit < found.hits.length
                  ? `hit-${activeHit.toString()}`
                  : undefined
              }
              autoComplete="off"
              spellCheck={false}
              dir="auto"
              onChange={(event) => {
                setText(event.target.value);
                setActiveHit(-1);
              }}
              onKeyDown={onSearchKey}
            />
            {isSearching && (
              <button type="button" className="icon-button" aria-label="Clear the search" onClick={() => setText("")}>
                <CloseIcon />
              </button>
            )}
          </div>
          <div className="filters" role="group" aria-label="Filter">
            {PLATFORMS.map(([value, name]) => (
              <button
                key={name}
                type="button"
                className="chip"
                aria-pressed={platform === value}
                onClick={() => setPlatform(value)}
              >
                {name}
              </button>
            ))}
            <button
              type="button"
              className="chip chip-unread"
              aria-pressed={unreadOnly}
              onClick={() => setUnreadOnly(!unreadOnly)}
            >
              Unread
            </button>
          </div>
          {isSearching ? (
            <SearchResults
              hits={found.hits}
              state={found.state}
              query={found.query}
              activeIndex={activeHit}
              nowMs={nowMs}
              onOpen={openHit}
            />
          ) : (
            <>
              {inbox.error !== null && (
                <p className="list-error" role="alert">
                  {inbox.error}{" "}
                  <button type="button" className="link" onClick={() => void inbox.loadMore()}>
                    Try again
                  </button>
                </p>
              )}
              <ConversationList
                key={`${platform ?? "all"} ${unreadOnly ? "unread" : "any"}`}
                conversations={conversations}
                openId={openId}
                activeId={activeId}
                typingIds={typingIds}
                nowMs={nowMs}
                hasMore={inbox.hasMore}
                isLoading={inbox.loading || !inbox.loaded}
                label={unreadOnly ? "Unread conversations" : "Conversations"}
                emptyText={unreadOnly ? "Everything is read." : "No conversations yet. They appear here by themselves."}
                onMore={inbox.loadMore}
                onOpen={open}
                onActive={setActiveId}
              />
            </>
          )}
        </nav>
        {openId === null ? (
          <main className="thread-pane thread-none">
            <p className="note">
              Choose a conversation. <kbd>j</kbd> and <kbd>k</kbd> go down and up, <kbd>Enter</kbd> opens.
            </p>
          </main>
        ) : (
          <OpenConversation
            key={openId}
            id={openId}
            hit={picked}
            nowMs={nowMs}
            showsPerson={showsPerson}
            setShowsPerson={setShowsPerson}
            open={open}
            held={inbox.conversations}
          />
        )}
      </div>
      <div className="visually-hidden" aria-live="polite" data-testid="announcer">
        {told}
      </div>
    </div>
  );
}

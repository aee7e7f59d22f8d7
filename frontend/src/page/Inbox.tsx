import { useConnectionStatus, useConversation, useInbox, useInboxClient } from "@switchboard/client/react";
import { type KeyboardEvent as ReactKeyboardEvent, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import { displayName } from "../core/names";
import { ConversationList } from "../list/ConversationList";
import { SearchResults } from "../list/SearchResults";
import type { Conversation, Platform, SearchHit } from "../model";
import { PersonPane } from "../person/PersonPane";
import { ThreadView } from "../thread/ThreadView";
import { Avatar } from "./Avatar";
import { BackIcon, CloseIcon, PersonIcon, SearchIcon } from "./Icons";
import type { SessionStore } from "./session";
import { AccountBanner, ConnectionIndicator, Settings } from "./StatusBar";
import { useAttention } from "./useAttention";
import { useNow } from "./useNow";
import { useOpen } from "./useOpen";
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
      setPicked(hit);
      setOpen(id);
      if (id !== null) setActiveId(id);
      // After the thread is there; from a list, by key or by hand, reading goes on in it.
      requestAnimationFrame(() => document.getElementById(id === null ? "conversations" : "thread")?.focus({ preventScroll: true }));
    },
    [setOpen],
  );
  const told = useAttention(inbox.unreadCount, openId, open);
  const openHit = useCallback((hit: SearchHit) => open(hit.conversation.conversation_id, hit), [open]);

  // Without the one that is read just now, a list of unread ones would pull it away from under the reader.
  const conversations = useKept(inbox.conversations, unreadOnly ? openId : null, client.getState().conversations.get(openId ?? ""));
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
      setActiveHit((index) => Math.max(0, Math.min(found.hits.length - 1, index + (event.key === "ArrowDown" ? 1 : -1))));
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
              autoComplete="off"
              spellCheck={false}
              dir="auto"
              onChange={(event) => {
                setText(event.target.value);
                setActiveHit(-1);
              }}
              onKeyDown={onSearchKey}
            />
            {isSearching && <button type="button" className="icon-button" aria-label="Clear the search" onClick={() => setText("")}><CloseIcon /></button>}
          </div>
          <div className="filters" role="group" aria-label="Filter">
            {PLATFORMS.map(([value, name]) => (
              <button key={name} type="button" className="chip" aria-pressed={platform === value} onClick={() => setPlatform(value)}>{name}</button>
            ))}
            <button type="button" className="chip chip-unread" aria-pressed={unreadOnly} onClick={() => setUnreadOnly(!unreadOnly)}>Unread</button>
          </div>
          {isSearching ? (
            <SearchResults hits={found.hits} state={found.state} query={found.query} activeIndex={activeHit} nowMs={nowMs} onOpen={openHit} />
          ) : (
            <>
              {inbox.error !== null && <p className="list-error" role="alert">{inbox.error} <button type="button" className="link" onClick={inbox.loadMore}>Try again</button></p>}
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
          <main className="thread-pane thread-none"><p className="note">Choose a conversation. <kbd>j</kbd> and <kbd>k</kbd> go down and up, <kbd>Enter</kbd> opens.</p></main>
        ) : (
          <OpenConversation key={openId} id={openId} hit={picked} nowMs={nowMs} showsPerson={showsPerson} setShowsPerson={setShowsPerson} open={open} held={inbox.conversations} />
        )}
      </div>
      <div className="visually-hidden" aria-live="polite" data-testid="announcer">{told}</div>
    </div>
  );
}

type OpenProps = {
  readonly id: string;
  readonly hit: SearchHit | null;
  readonly nowMs: number;
  readonly showsPerson: boolean;
  readonly setShowsPerson: (shows: boolean) => void;
  readonly open: (id: string | null) => void;
  readonly held: readonly Conversation[];
};

function OpenConversation({ id, hit, nowMs, showsPerson, setShowsPerson, open, held }: OpenProps) {
  const client = useInboxClient();
  const view = useConversation(id);
  const { accounts } = useInbox();
  const given = hit?.conversation.conversation_id === id ? hit : null;
  const conversation = view.conversation ?? given?.conversation ?? null;
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
        <p role="status" className="note">{view.loaded ? "This conversation is not here." : (view.error ?? "Loading…")}</p>
        <button type="button" className="link" onClick={() => open(null)}>Back to the conversations</button>
      </main>
    );
  }
  const name = displayName(conversation);
  return (
    <>
      <main className="thread-pane" aria-label={`Conversation with ${name}`}>
        <div className="thread-head">
          <button type="button" className="icon-button back" aria-label="Back to the conversations" onClick={() => open(null)}><BackIcon /></button>
          <Avatar conversation={conversation} size="small" />
          <h2><bdi dir="auto">{name}</bdi></h2>
          {view.viewers.length > 0 && <span className="note viewers">{view.viewers.map((who) => who.name ?? "A colleague").join(", ")} also here</span>}
          <button type="button" className="icon-button person-toggle" aria-label="Who it is" aria-pressed={showsPerson} onClick={() => setShowsPerson(!showsPerson)}><PersonIcon /></button>
        </div>
        <ThreadView
          conversation={conversation}
          messages={view.messages}
          isLoading={view.loading || !view.loaded}
          hasOlder={view.hasOlder}
          error={view.error}
          typing={typing}
          nowMs={nowMs}
          soughtId={given?.message?.id ?? null}
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

/** Return the list with the conversation `keptId` in it, also where it no longer belongs there, at the place that it had. */
function useKept(conversations: readonly Conversation[], keptId: string | null, kept: Conversation | undefined): readonly Conversation[] {
  const [place, setPlace] = useState<{ id: string; index: number } | null>(null);
  const index = keptId === null ? -1 : conversations.findIndex((one) => one.conversation_id === keptId);
  if (index >= 0 && keptId !== null && (place?.id !== keptId || place.index !== index)) setPlace({ id: keptId, index });
  return useMemo(() => {
    if (index >= 0 || !kept || place?.id !== keptId) return conversations;
    return conversations.toSpliced(Math.min(place.index, conversations.length), 0, kept);
  }, [conversations, index, kept, keptId, place]);
}

type Keys = {
  readonly conversations: readonly Conversation[];
  readonly activeId: string | null;
  readonly setActiveId: (id: string) => void;
  readonly openId: string | null;
  readonly open: (id: string | null) => void;
  readonly search: React.RefObject<HTMLInputElement | null>;
};

/** j and k choose, Enter opens, Esc goes back, / searches; not while somebody writes. */
function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { conversations, activeId, setActiveId, openId, open, search } = latest.current;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
      const inList = event.target instanceof HTMLElement && event.target.id === "conversations";
      const step = event.key === "j" || (inList && event.key === "ArrowDown") ? 1 : event.key === "k" || (inList && event.key === "ArrowUp") ? -1 : 0;
      if (step !== 0) {
        const at = conversations.findIndex((one) => one.conversation_id === activeId);
        const next = conversations[Math.max(0, Math.min(conversations.length - 1, at + step))];
        if (next) setActiveId(next.conversation_id);
        document.getElementById("conversations")?.focus({ preventScroll: true });
      } else if (event.key === "Enter" && activeId !== null && (inList || event.target === document.body)) open(activeId);
      else if (event.key === "Escape" && openId !== null) open(null);
      else if (event.key === "/") search.current?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);
}

/** React hooks over `InboxClient`. */

import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { InboxClient, type InboxClientOptions } from "../client.js";
import { Feeds, FrameFeed, type FrameSource } from "./frame-feed.js";
import { FrameQueue } from "./frame-queue.js";
import { listSelector, typingSelector, unreadCountSelector, viewersSelector } from "../state/memoized-selectors.js";
import { messagesOf } from "../state/selectors.js";
import { filterKey, type ConversationFilter, type InboxState, type Presence } from "../state/inbox-state.js";
import type { ConnectionStatus } from "../connection/status.js";
import type { Account, AnyFrame, Conversation, Message, Who } from "../protocol/types.js";

/** What all connections have in common: the options of a client without its user. */
export type Configuration = Omit<InboxClientOptions, "userId">;

let feeds: Feeds | null = null;

/** Say once, before anything is rendered, where the server is and where tokens come from. A provider goes before it. */
export function configure(configuration: Configuration): void {
  feeds = new Feeds((userId) => new FrameFeed({ ...configuration, userId }));
}

const Context = createContext<InboxClient | null>(null);

export interface InboxProviderProps {
  /** Started when this is mounted and stopped when it is unmounted. */
  readonly client: InboxClient;
  readonly children?: ReactNode;
}

/** Give everything below one client. */
export function InboxProvider({ client, children }: InboxProviderProps): ReactNode {
  useEffect(() => {
    client.start();
    return () => {
      client.stop();
    };
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

/** The client of the provider above.
 *
 * @throws {Error} there is none
 */
export function useInboxClient(): InboxClient {
  const client = useContext(Context);
  if (client === null) {
    throw new Error("There is no <InboxProvider> above this component.");
  }
  return client;
}

export interface WebSocketState {
  readonly isConnected: boolean;
  /** The last frame; `null` before the first one. Each frame is rendered and seen by effects, also of a burst. */
  readonly lastMessage: AnyFrame | null;
}

/** The frames of a user's inbox, one after another: over the client of the provider above if it is this user's, else
 * over a connection as `configure` said. The text `ping` is sent every 30 s.
 *
 * @throws {Error} there is neither
 */
export function useWebSocket(userId: string): WebSocketState {
  const source = sourceFor(useContext(Context), userId);
  const [shown, setShown] = useState<Shown>({ source, frame: null });
  const queue = useRef<FrameQueue | null>(null);
  // What is shown may still be another user's: the effect that ends it runs after this rendering.
  const lastMessage = shown.source === source ? shown.frame : null;

  useEffect(() => {
    const { later, end } = tasks();
    const frames = new FrameQueue((frame) => {
      setShown({ source, frame });
    }, later);
    queue.current = frames;
    const ends = [
      source.on("frame", (frame) => {
        frames.add(frame);
      }),
      source.keepPinging(),
    ];
    if (source instanceof FrameFeed) {
      ends.push(source.use());
    }
    return () => {
      queue.current = null;
      for (const stop of [...ends, end]) {
        stop();
      }
      setShown({ source, frame: null });
    };
  }, [source]);

  // Passive effects run after the rendering was shown, a component's own in the order of its hooks, and all of a
  // rendering before the next one: the next frame is asked for only in a later task.
  useEffect(() => {
    queue.current?.seen(lastMessage);
  }, [lastMessage]);

  const status = useStatus(source);
  return { isConnected: status.phase === "live", lastMessage };
}

/** A frame, and where it comes from. */
interface Shown {
  readonly source: FrameSource;
  readonly frame: AnyFrame | null;
}

function sourceFor(client: InboxClient | null, userId: string): FrameSource {
  const source = client?.userId === userId ? client : feeds?.get(userId);
  if (source === undefined) {
    throw new Error("Call configure() first, or render an <InboxProvider> above this component.");
  }
  return source;
}

/** Tasks of their own, soon: browsers slow timers down, by milliseconds each and by a second in the background. */
function tasks(): { readonly later: (run: () => void) => void; readonly end: () => void } {
  const runs: (() => void)[] = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    runs.shift()?.();
  };
  return {
    later: (run) => {
      runs.push(run);
      channel.port2.postMessage(null);
    },
    end: () => {
      channel.port1.close();
    },
  };
}

export interface InboxView {
  /** Those of the pages that are loaded, newest first, kept up to date. */
  readonly conversations: readonly Conversation[];
  readonly loading: boolean;
  readonly loaded: boolean;
  /** Why the last load failed; `null` where it did not. */
  readonly error: string | null;
  readonly hasMore: boolean;
  /** Resolves to whether a further page has come; never rejects, `error` says why there is none. */
  readonly loadMore: () => Promise<boolean>;
  /** Of all conversations that are held. */
  readonly unreadCount: number;
  readonly accounts: readonly Account[];
  readonly presence: readonly Presence[];
}

/** A list of conversations. What it returns is the same object field by field until it says something else. */
export function useInbox(filter: ConversationFilter = {}): InboxView {
  const client = useInboxClient();
  const { platform, unread } = filter;
  const stable = useMemo(() => ({ platform, unread }), [platform, unread]);
  const window = useSlice(client, (state) => state.lists.get(filterKey(stable)));
  const conversations = useSlice(
    client,
    useMemo(() => listSelector(stable), [stable]),
  );
  const unreadCount = useSlice(
    client,
    useMemo(() => unreadCountSelector(), []),
  );

  useEffect(() => {
    client.loadConversations(stable).catch(ignored);
  }, [client, stable]);

  const loadMore = useCallback(() => client.loadMoreConversations(stable).catch(nothing), [client, stable]);

  return {
    conversations,
    loading: window?.loading ?? true,
    loaded: window?.loaded ?? false,
    error: window?.error ?? null,
    hasMore: window !== undefined && window.next !== null,
    loadMore,
    unreadCount,
    accounts: useSlice(client, (state) => state.accounts),
    presence: useSlice(client, (state) => state.presence),
  };
}

export interface ConversationView {
  /** `null` while it is not known, or where `conversationId` is `null`. */
  readonly conversation: Conversation | null;
  /** Those that are loaded, without a hole, oldest first. */
  readonly messages: readonly Message[];
  readonly loading: boolean;
  readonly loaded: boolean;
  readonly error: string | null;
  readonly hasOlder: boolean;
  /** Resolves to whether an older page has come; never rejects, `error` says why there is none. */
  readonly loadOlder: () => Promise<boolean>;
  /** Up to the message with this `id`; without it: all. */
  readonly markRead: (upToId?: number) => void;
  /** Call it on every key. */
  readonly sendTyping: () => void;
  /** The user's other devices that write here. */
  readonly typing: readonly Who[];
  /** The user's other devices that have it on their screen. */
  readonly viewers: readonly Who[];
}

/** One conversation and its messages; others are told that it is on this screen. */
export function useConversation(conversationId: string | null): ConversationView {
  const client = useInboxClient();
  const id = conversationId ?? "";
  const thread = useSlice(client, (state) => state.threads.get(id));
  const typing = useSlice(
    client,
    useMemo(() => typingSelector(id), [id]),
  );
  const viewers = useSlice(
    client,
    useMemo(() => viewersSelector(id), [id]),
  );

  useEffect(() => {
    client.viewing(conversationId);
    return conversationId === null ? undefined : client.watchConversation(conversationId);
  }, [client, conversationId]);
  useEffect(
    () => () => {
      client.viewing(null);
    },
    [client],
  );

  return {
    conversation: useSlice(client, (state) => state.conversations.get(id)) ?? null,
    messages: useMemo(() => messagesOf(thread), [thread]),
    loading: conversationId !== null && (thread?.loading ?? true),
    loaded: thread?.loaded ?? false,
    error: thread?.error ?? null,
    hasOlder: thread !== undefined && thread.next !== null,
    loadOlder: useCallback(() => client.loadOlderMessages(id).catch(nothing), [client, id]),
    markRead: useCallback(
      (upToId?: number) => {
        client.markRead(id, upToId);
      },
      [client, id],
    ),
    sendTyping: useCallback(() => {
      client.typing(id);
    }, [client, id]),
    typing,
    viewers,
  };
}

/** Whether what is shown is live. */
export function useConnectionStatus(): ConnectionStatus {
  return useStatus(useInboxClient());
}

function useStatus(source: FrameSource): ConnectionStatus {
  return useSyncExternalStore(source.subscribe, source.getStatus, source.getStatus);
}

/** A part of the state that is the same object until it changes. */
function useSlice<Slice>(client: InboxClient, select: (state: InboxState) => Slice): Slice {
  const snapshot = (): Slice => select(client.getState());
  return useSyncExternalStore(client.subscribe, snapshot, snapshot);
}

/** The state says so too: a list or a thread carries why it could not be loaded. */
const ignored = (): void => undefined;
const nothing = (): boolean => false;

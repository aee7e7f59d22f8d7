/** The client: loads an inbox over REST, follows it over the connection, and keeps one `InboxState` up to date. */

import { LiveConnection } from "./connection/live-connection.js";
import type { ConnectionStatus } from "./connection/status.js";
import { resolveOptions, type InboxClientOptions } from "./options.js";
import type {
  AnyFrame,
  ConversationFilter,
  KnownFrame,
  MessageFrame,
  Platform,
  SearchHit,
  TypingFrame,
} from "./protocol/types.js";
import { HttpClient } from "./rest/http-client.js";
import { InboxApi } from "./rest/inbox-api.js";
import { Emitter } from "./runtime/emitter.js";
import type { Environment } from "./runtime/environment.js";
import type { InboxState } from "./state/inbox-state.js";
import { InboxStore } from "./state/store.js";
import { emitFrame, type InboxEvents } from "./sync/inbox-events.js";
import { Loader } from "./sync/loader.js";
import { Outbox } from "./sync/outbox.js";
import { TypingClock } from "./sync/typing-clock.js";

export interface SearchOptions {
  readonly platform?: Platform | undefined;
  /** Only people or only messages. */
  readonly type?: "person" | "message" | undefined;
  /** Number of hits on a page, at most 100. */
  readonly limit?: number | undefined;
  /** `next` of the previous page. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  /** The cursor of the next page; `null` on the last page. May be set even if `hits` is empty. */
  readonly next: string | null;
}

/** A client of one user's inbox.
 *
 * @example
 * const inbox = new InboxClient({ url: "https://inbox.example.com", userId: "42", getToken });
 * inbox.on("message", ({ message }) => console.log(message.content));
 * inbox.start();
 */
export class InboxClient {
  readonly userId: string;
  readonly #environment: Environment;
  readonly #api: InboxApi;
  readonly #store: InboxStore;
  readonly #events = new Emitter<InboxEvents>();
  readonly #connection: LiveConnection;
  readonly #loader: Loader;
  readonly #outbox: Outbox;
  readonly #typingClock: TypingClock;
  /** Counts `start` and `stop`: a load that ends later must not connect. */
  #runs = 0;
  #status: ConnectionStatus;

  constructor(options: InboxClientOptions) {
    const { url, pageSize, tokens, connection, environment } = resolveOptions(options);
    const onError = (error: Error): void => {
      this.#events.emit("error", error);
    };
    this.userId = options.userId;
    this.#environment = environment;
    this.#store = new InboxStore(environment);
    this.#api = new InboxApi(new HttpClient(url, tokens, environment), pageSize);
    this.#loader = new Loader(this.#api, this.#store, environment, onError);
    this.#typingClock = new TypingClock(this.#store, environment);
    this.#connection = new LiveConnection(connection, tokens, environment, {
      onConnecting: () => {
        const { position, epoch } = this.#store.state;
        this.#store.dispatch({ type: "connecting" });
        return { after: position, epoch };
      },
      onFrame: (frame) => this.#onFrame(frame),
      onStatus: (status) => {
        this.#onStatus(status);
      },
      onLeaving: () => {
        this.#outbox.flush();
      },
      onError,
    });
    this.#outbox = new Outbox(this.#connection, this.#api, this.#store, environment, onError);
    for (const name of ["message", "messageUpdated", "conversation"] as const) {
      this.#events.on(name, ({ conversation }) => {
        this.#outbox.received(conversation);
      });
    }
    this.#status = this.#connection.status;
  }

  /** Load the inbox and connect. After `stop()`, continue from where the client was. Does nothing if already started. */
  start(): void {
    if (this.#status.phase !== "stopped") {
      return;
    }
    this.#runs += 1;
    if (this.#store.state.epoch !== null) {
      this.#connection.start();
      return;
    }
    this.#onStatus({ ...this.#status, phase: this.#environment.isOnline() ? "connecting" : "offline", reason: null });
    const run = this.#runs;
    void this.#loader.snapshots.loadOnce().then(() => {
      if (run === this.#runs) {
        this.#connection.start();
      }
    });
  }

  /** Close the connection and cancel all requests. The state stays. */
  stop(): void {
    this.#runs += 1;
    this.#typingClock.stop();
    this.#loader.snapshots.stop();
    this.#outbox.stop();
    this.#connection.stop();
    this.#onStatus(this.#connection.status);
  }

  /** Return the state: the same object until something changes. */
  getState = (): InboxState => this.#store.state;

  /** Return the status of the connection: the same object until it changes. */
  getStatus = (): ConnectionStatus => this.#status;

  /** Call `listener` after changes of the state or the status, once per burst of changes.
   *
   * @returns a function that removes the listener
   */
  subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Call `listener` for every event of that name.
   *
   * @returns a function that removes the listener
   */
  on<Name extends keyof InboxEvents>(name: Name, listener: (event: InboxEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Load the first page of a list, unless it is loaded or being loaded. The list is kept up to date from then on.
   *
   * While the whole state has to be loaded, the list is loaded with it: the next attempt then starts at once, and the promise
   * resolves after a successful attempt or after `stop()`.
   *
   * @throws {ApiError} the server refused the request
   * @throws {NetworkError} there was no response within 20 s
   * @throws {SignedOutError} there is no token
   */
  loadConversations(filter: ConversationFilter = {}): Promise<void> {
    return this.#loader.firstConversations(filter);
  }

  /** Load the next page of a list, or its first. Throws as `loadConversations`.
   *
   * @returns whether there was such a page
   */
  loadMoreConversations(filter: ConversationFilter = {}): Promise<boolean> {
    return this.#loader.moreConversations(filter);
  }

  /** Keep the newest messages of a conversation in the state.
   *
   * @returns a function that ends this; call it when the conversation is closed
   */
  watchConversation(conversationId: string): () => void {
    return this.#loader.watch(conversationId);
  }

  /** Load an older page of messages. Throws as `loadConversations`.
   *
   * @returns whether there was such a page
   */
  loadOlderMessages(conversationId: string): Promise<boolean> {
    return this.#loader.moreMessages(conversationId);
  }

  /** Search people and messages. Throws as `loadConversations`, and the reason of `signal` if it is aborted.
   *
   * @example
   * const { hits, next } = await inbox.search("blue shirt", { type: "message", limit: 20 });
   */
  async search(query: string, { platform, type, limit, cursor, signal }: SearchOptions = {}): Promise<SearchPage> {
    const { generation, epoch } = this.#store.state;
    const page = await this.#api.search({ q: query, platform, type, limit, cursor }, signal);
    for (const { conversation } of page.epoch === epoch ? page.items : []) {
      this.#store.dispatch({ type: "conversationReceived", generation, conversation });
    }
    return { hits: page.items, next: page.next };
  }

  /** Fetch the content of an attachment that has a `media_id` and no `url`: WhatsApp's.
   *
   * Throws as `loadConversations` (the limit is 130 s), and the reason of `signal` if it is aborted. The `type` of an
   * `ApiError` says why there is no content: see "Media" in docs/protocol.md.
   *
   * @param messageId the `id` of the message
   * @param index the index of the attachment in `attachments`
   */
  media(
    conversationId: string,
    messageId: number,
    index: number,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Blob> {
    return this.#api.media(conversationId, messageId, index, signal);
  }

  /** Mark messages as read, up to the one with this `id`; by default all known messages of the conversation.
   *
   * Call it for every message that is shown: the first mark of a conversation is sent at once, then the highest one every
   * 0.3 s. Marks are kept and sent again on every new connection until the server confirms them; at most those of 1,000
   * conversations.
   */
  markRead(conversationId: string, upToId?: number): void {
    this.#outbox.markRead(conversationId, upToId);
  }

  /** Tell the user's other devices that somebody is typing. Call it on every key press: it is sent every 3 s. */
  typing(conversationId: string): void {
    this.#outbox.typing(conversationId);
  }

  /** Tell the user's other devices which conversation is on the screen; sent again after each reconnect. */
  viewing(conversationId: string | null): void {
    this.#outbox.viewing(conversationId);
  }

  /** Connect and load now instead of at the scheduled time, for a "Try again" button. */
  reconnect(): void {
    this.#connection.reconnect();
    this.#loader.snapshots.retryNow();
  }

  /** Send the text `ping` every 30 s, for programs that expect `pong`. The client itself does not need it.
   *
   * @returns a function that ends this
   */
  keepPinging(): () => void {
    return this.#connection.keepPinging();
  }

  #onStatus(status: ConnectionStatus): void {
    if (status === this.#status) {
      return;
    }
    const wasLive = this.#status.phase === "live";
    this.#status = status;
    this.#store.notify();
    this.#events.emit("status", status);
    if (status.phase === "live" && !wasLive) {
      this.#outbox.resend();
      this.#loader.loadMissing();
    } else if (status.phase === "stopped") {
      this.#loader.snapshots.stop();
    }
  }

  /** Return whether no frame is missing before this one. */
  #onFrame(frame: AnyFrame): boolean {
    const before = this.#store.state;
    if (frame.type === "typing") {
      this.#typingClock.received(frame as TypingFrame);
    }
    this.#store.dispatch({ type: "frame", frame });
    const after = this.#store.state;
    const isHandled = frame.seq === undefined || after.position !== before.position;
    if (!after.needsReconnect) {
      this.#events.emit("frame", frame);
      if (isHandled) {
        emitFrame(this.#events, frame as KnownFrame);
      }
    }
    if (after.needsReload) {
      const wasReset = after.pendingFrames !== before.pendingFrames && after.pendingFrames.length === 0;
      if (wasReset && after.position !== null) {
        this.#loader.snapshots.requireSeq(after.position);
      }
      void this.#loader.snapshots.loadUntilCurrent();
    } else if (isHandled && (frame.type === "new_message" || frame.type === "message_updated")) {
      this.#loader.dropUnwatched((frame as MessageFrame).data.conversation_id);
    }
    return !after.needsReconnect;
  }
}

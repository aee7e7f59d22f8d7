/** The imperative shell: loads over REST, goes on over the socket from there, and keeps one `InboxState`. */

import { Api } from "./rest/http-client.js";
import { Emitter } from "./runtime/emitter.js";
import { browserEnvironment, type Environment } from "./runtime/environment.js";
import { Holder } from "./state/store.js";
import { tell, type InboxEvents } from "./sync/inbox-events.js";
import { LiveConnection } from "./connection/live-connection.js";
import { Loading } from "./sync/loader.js";
import type { InboxClientOptions } from "./options.js";
import { Pages } from "./rest/inbox-api.js";
import { Saying } from "./sync/outbox.js";
import type { ConversationFilter, InboxState } from "./state/inbox-state.js";
import type { ConnectionStatus } from "./connection/status.js";
import { Tokens } from "./runtime/token-cache.js";
import type { AnyFrame, KnownFrame, MessageFrame, Platform, SearchHit } from "./protocol/types.js";

export type { GetToken, InboxClientOptions, TokenReason } from "./options.js";

export interface SearchOptions {
  readonly platform?: Platform | undefined;
  readonly type?: "person" | "message" | undefined;
  /** At most 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  /** May be there even when `hits` is empty. */
  readonly next: string | null;
}

/** The protocol promises that typing lasts for six seconds: a longer or a shorter rest means that the clocks differ. */
const TYPING_MS = 6_000;

export class InboxClient {
  readonly userId: string;
  readonly #environment: Environment;
  readonly #api: Api;
  readonly #holder: Holder;
  readonly #events = new Emitter<InboxEvents>();
  readonly #connection: LiveConnection;
  readonly #loading: Loading;
  readonly #saying: Saying;
  #runs = 0;
  #status: ConnectionStatus;
  /** How much later the server's clock is than this one, milliseconds. */
  #skewMs = 0;
  #cancelTime: () => void = () => undefined;

  constructor(options: InboxClientOptions) {
    const environment = { ...browserEnvironment(), ...options.environment };
    const url = (options.url ?? environment.origin()).replace(/\/+$/, "");
    const tokens = new Tokens(options.getToken, options.userId, environment.now);
    const failed = (error: Error): void => {
      this.#events.emit("error", error);
    };
    this.userId = options.userId;
    this.#environment = environment;
    this.#holder = new Holder(environment);
    this.#api = new Api(url, tokens, environment);
    this.#loading = new Loading(new Pages(this.#api, options.pageSize ?? 50), this.#holder, environment, failed);
    const place = {
      userId: options.userId,
      pushUrl: (options.pushUrl ?? url).replace(/\/+$/, ""),
      device: options.device,
      sseAfterFailures: options.sseAfterFailures ?? 3,
    };
    this.#connection = new LiveConnection(place, tokens, environment, {
      connecting: () => {
        const { position, epoch } = this.#holder.state;
        this.#holder.dispatch({ type: "connecting" });
        return { after: position, epoch };
      },
      frame: (frame) => this.#onFrame(frame),
      status: (status) => {
        this.#onStatus(status);
      },
      leaving: () => {
        this.#saying.hurry();
      },
      failed,
    });
    this.#saying = new Saying(this.#connection, this.#api, this.#holder, environment, failed);
    for (const name of ["message", "messageUpdated", "conversation"] as const) {
      this.#events.on(name, ({ conversation }) => {
        this.#saying.heard(conversation);
      });
    }
    this.#status = this.#connection.status;
  }

  /** Load and connect. Again after `stop()`: go on from where it was. Calling it twice does nothing. */
  start(): void {
    if (this.#status.phase !== "stopped") {
      return;
    }
    this.#runs += 1;
    if (this.#holder.state.epoch !== null) {
      this.#connection.start();
      return;
    }
    this.#onStatus({ ...this.#status, phase: this.#environment.isOnline() ? "connecting" : "offline", reason: null });
    const run = this.#runs;
    void this.#loading.tryAll().then(() => {
      if (run === this.#runs) {
        this.#connection.start();
      }
    });
  }

  /** Close the connection and cancel what is waited for; what is held stays. */
  stop(): void {
    this.#runs += 1;
    this.#cancelTime();
    if (this.#holder.state.typing.length > 0) {
      this.#holder.dispatch({ type: "time", now: this.#environment.now() + this.#skewMs + TYPING_MS });
    }
    this.#loading.stop();
    this.#saying.stop();
    this.#connection.stop();
    this.#onStatus(this.#connection.status);
  }

  /** What is held now: the same object until something changes. */
  getState = (): InboxState => this.#holder.state;

  /** How the connection is: the same object until that changes. */
  getStatus = (): ConnectionStatus => this.#status;

  /** Call `listener` after changes of the state or the status, for those of a burst once; returns what ends that. */
  subscribe = (listener: () => void): (() => void) => this.#holder.subscribe(listener);

  /** Call `listener` with each event of that name; returns what ends that. */
  on<Name extends keyof InboxEvents>(name: Name, listener: (event: InboxEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Load the first page of a list; nothing where it is here or on its way. It is kept up to date from then on.
   *
   * While everything has to be loaded it comes with that: then the next attempt is made at once, and this resolves when one
   * has succeeded or `stop()` was called.
   *
   * @throws {ApiError | NetworkError | SignedOutError} it could not be had; the list says so too
   */
  loadConversations(filter: ConversationFilter = {}): Promise<void> {
    return this.#loading.firstConversations(filter);
  }

  /** Load the next page of a list, or its first; resolves to whether there was one. Throws as `loadConversations`. */
  loadMoreConversations(filter: ConversationFilter = {}): Promise<boolean> {
    return this.#loading.moreConversations(filter);
  }

  /** Keep the newest messages of a conversation here until the function that this returns is called. */
  watchConversation(conversationId: string): () => void {
    return this.#loading.watch(conversationId);
  }

  /** Load older messages of a conversation; resolves to whether there were any. Throws as `loadConversations`. */
  loadOlderMessages(conversationId: string): Promise<boolean> {
    return this.#loading.moreMessages(conversationId);
  }

  /** Find people and messages. Throws as `loadConversations`, and whatever `signal` was aborted with. */
  async search(query: string, { platform, type, limit, cursor, signal }: SearchOptions = {}): Promise<SearchPage> {
    const { generation, epoch } = this.#holder.state;
    const page = await this.#api.page<SearchHit>("/api/search", {
      query: { q: query, platform, type, limit, cursor },
      signal,
    });
    for (const { conversation } of page.epoch === epoch ? page.items : []) {
      this.#holder.dispatch({ type: "told", generation, conversation });
    }
    return { hits: page.items, next: page.next };
  }

  /** Fetch what the platform hands out by id alone: attachments of WhatsApp, which have a `media_id`.
   *
   * `messageId` is the message's `id`, `index` the attachment's place in `attachments`. Throws as `loadConversations`, and
   * whatever `signal` was aborted with; the `type` of an `ApiError` says why there is none (docs/protocol.md).
   */
  media(
    conversationId: string,
    messageId: number,
    index: number,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Blob> {
    const path = [conversationId, messageId, index].map((part) => encodeURIComponent(part)).join("/");
    return this.#api.file(`/api/media/${path}`, signal);
  }

  /** Say that messages up to the one with this `id` were read; without it: all that are held.
   *
   * Call it for every message that is shown: of a conversation the first mark is said at once, then the greatest every 0.3 s.
   * It is kept, and said again on each new connection, until the server shows that it was taken; of at most 1,000 conversations.
   */
  markRead(conversationId: string, upToId?: number): void {
    this.#saying.read(conversationId, upToId);
  }

  /** Tell the user's other devices that somebody writes here; call it on every key, it is said every three seconds. */
  typing(conversationId: string): void {
    this.#saying.typing(conversationId);
  }

  /** Tell the user's other devices what is on this screen; it is said again after each reconnect. */
  viewing(conversationId: string | null): void {
    this.#saying.viewing(conversationId);
  }

  /** Try now, instead of when it is due: for a "try again" button. */
  reconnect(): void {
    this.#connection.reconnect();
    this.#loading.hurry();
  }

  /** Send the text `ping` every 30 s until the function that this returns is called: for who counts on `pong`. */
  keepPinging(): () => void {
    return this.#connection.keepPinging();
  }

  #onStatus(status: ConnectionStatus): void {
    if (status === this.#status) {
      return;
    }
    const wasLive = this.#status.phase === "live";
    this.#status = status;
    this.#holder.changed();
    this.#events.emit("status", status);
    if (status.phase === "live" && !wasLive) {
      this.#saying.again();
      this.#loading.refresh();
    } else if (status.phase === "stopped") {
      this.#loading.stop();
    }
  }

  #onFrame(frame: AnyFrame): boolean {
    const before = this.#holder.state;
    if (frame.type === "typing") {
      this.#setClock(frame as Extract<KnownFrame, { type: "typing" }>);
    }
    this.#holder.dispatch({ type: "frame", frame });
    const after = this.#holder.state;
    if (!after.reconnect) {
      this.#events.emit("frame", frame);
    }
    const isHandled = frame.seq === undefined || after.position !== before.position;
    if (isHandled && !after.reconnect) {
      tell(this.#events, frame as KnownFrame);
    }
    if (after.needsReload) {
      if (after.waiting !== before.waiting && after.waiting.length === 0 && after.position !== null) {
        this.#loading.restart(after.position);
      }
      void this.#loading.reload();
    } else if (isHandled && (frame.type === "new_message" || frame.type === "message_updated")) {
      this.#loading.told((frame as MessageFrame).data.conversation_id);
    }
    return !after.reconnect;
  }

  /** Let the state's clock go with the server's as far as typing tells, and wake up when the typing is over. */
  #setClock({ data }: Extract<KnownFrame, { type: "typing" }>): void {
    const now = this.#environment.now();
    const left = Date.parse(data.until) - now - this.#skewMs;
    if (left <= 0 || left > TYPING_MS + 500) {
      this.#skewMs += left - TYPING_MS;
    }
    this.#tick();
  }

  #tick(): void {
    this.#cancelTime();
    this.#holder.dispatch({ type: "time", now: this.#environment.now() + this.#skewMs });
    this.#cancelTime = this.#environment.after(1_000, () => {
      if (this.#holder.state.typing.length > 0) {
        this.#tick();
      }
    });
  }
}

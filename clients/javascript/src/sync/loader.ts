/** Loads lists and threads over REST, page by page, as they are needed. */

import type { ConversationFilter } from "../protocol/types.js";
import type { InboxApi } from "../rest/inbox-api.js";
import type { Environment } from "../runtime/environment.js";
import { toError } from "../runtime/errors.js";
import { filterKey } from "../state/inbox-state.js";
import type { InboxStore } from "../state/store.js";
import { SnapshotLoader } from "./snapshot-loader.js";
import { WatchedThreads } from "./watched-threads.js";

export class Loader {
  readonly #api: InboxApi;
  readonly #store: InboxStore;
  readonly #onError: (error: Error) => void;
  /** The lists that were requested, by `filterKey`. */
  readonly #filters = new Map<string, ConversationFilter>([[filterKey({}), {}]]);
  readonly #watched = new WatchedThreads();
  /** The pages that are being loaded. */
  readonly #requests = new Map<string, Promise<boolean>>();
  /** Loads everything that is shown, when single pages do not help. */
  readonly snapshots: SnapshotLoader;

  constructor(
    api: InboxApi,
    store: InboxStore,
    environment: Pick<Environment, "setTimer" | "random">,
    onError: (error: Error) => void,
  ) {
    this.#api = api;
    this.#store = store;
    this.#onError = onError;
    this.snapshots = new SnapshotLoader(api, store, environment, {
      shown: () => ({ filters: [...this.#filters.values()], conversationIds: this.#watched.active() }),
      onLoaded: () => {
        for (const { conversation_id } of this.#store.state.threads.values()) {
          this.dropUnwatched(conversation_id); // messages of frames that were deferred
        }
        this.loadMissing();
      },
      onError,
    });
  }

  /** Load the first page of a list unless it is loaded or being loaded. Throws as `HttpClient.request`. */
  async firstConversations(filter: ConversationFilter): Promise<void> {
    this.#filters.set(filterKey(filter), filter);
    if (!this.#isListLoaded(filter) && this.#store.state.needsReload) {
      await this.snapshots.loadNow();
    }
    if (!this.#isListLoaded(filter) && !this.#store.state.needsReload) {
      await this.#loadConversations(filter, null);
    }
  }

  /** Load the next page of a list; resolves to whether there was one. Throws as `HttpClient.request`. */
  async moreConversations(filter: ConversationFilter): Promise<boolean> {
    const window = this.#store.state.lists.get(filterKey(filter));
    if (window?.loaded !== true) {
      await this.firstConversations(filter);
      return this.#isListLoaded(filter);
    }
    return window.next === null ? false : this.#loadConversations(filter, window.next);
  }

  /** Keep the newest messages of a conversation in the state until the returned function is called. */
  watch(conversationId: string): () => void {
    const release = this.#watched.watch(conversationId);
    for (const evicted of this.#watched.evict()) {
      this.#store.dispatch({ type: "threadEvicted", conversationId: evicted });
    }
    const { needsReload, threads } = this.#store.state;
    if (!needsReload && threads.get(conversationId)?.loaded !== true) {
      this.#inBackground(this.moreMessages(conversationId));
    }
    return release;
  }

  /** Load the next older page of messages, or the first; resolves to whether there was one. Throws as
   * `HttpClient.request`.
   */
  async moreMessages(conversationId: string): Promise<boolean> {
    if (this.#store.state.needsReload) {
      await this.snapshots.loadNow();
      return this.#store.state.threads.get(conversationId)?.loaded === true;
    }
    const thread = this.#store.state.threads.get(conversationId);
    if (thread?.loaded === true && thread.next === null) {
      return false;
    }
    return this.#loadMessages(conversationId, thread?.loaded === true ? thread.next : null);
  }

  /** Retry what failed to load: there is a connection again. */
  loadMissing(): void {
    const { state } = this.#store;
    if (state.needsReload) {
      return;
    }
    for (const [key, filter] of this.#filters) {
      if (state.lists.get(key)?.loaded !== true) {
        this.#inBackground(this.firstConversations(filter));
      }
    }
    for (const conversationId of this.#watched.all()) {
      if (state.threads.get(conversationId)?.loaded !== true) {
        this.#inBackground(this.moreMessages(conversationId));
      }
    }
  }

  /** A message arrived. If its conversation is not watched, drop the message: opening the conversation loads it. */
  dropUnwatched(conversationId: string): void {
    const thread = this.#store.state.threads.get(conversationId);
    if (thread !== undefined && !thread.loaded && !thread.loading && !this.#watched.has(conversationId)) {
      this.#store.dispatch({ type: "threadEvicted", conversationId });
    }
  }

  #isListLoaded(filter: ConversationFilter): boolean {
    return this.#store.state.lists.get(filterKey(filter))?.loaded === true;
  }

  #loadConversations(filter: ConversationFilter, after: string | null): Promise<boolean> {
    return this.#once(`list ${filterKey(filter)}`, async (onResponse) => {
      const { generation } = this.#store.state;
      this.#store.dispatch({ type: "listLoading", filter });
      try {
        const page = await this.#api.conversations(filter, after).finally(onResponse);
        this.#store.dispatch({ type: "conversationsLoaded", filter, generation, after, page });
        return true;
      } catch (thrown) {
        this.#store.dispatch({ type: "listFailed", filter, error: toError(thrown).message });
        throw thrown;
      }
    });
  }

  #loadMessages(conversationId: string, after: string | null): Promise<boolean> {
    return this.#once(`thread ${conversationId}`, async (onResponse) => {
      const { generation } = this.#store.state;
      this.#store.dispatch({ type: "threadLoading", conversationId });
      try {
        const [page] = await Promise.all([
          this.#api.messages(conversationId, after),
          this.#loadConversation(conversationId),
        ]).finally(onResponse);
        this.#store.dispatch({ type: "messagesLoaded", conversationId, generation, after, page });
        return true;
      } catch (thrown) {
        this.#store.dispatch({ type: "threadFailed", conversationId, error: toError(thrown).message });
        throw thrown;
      }
    });
  }

  /** Load the conversation of a thread if it is on no loaded page. */
  async #loadConversation(conversationId: string): Promise<void> {
    const { generation, epoch, conversations } = this.#store.state;
    if (conversations.has(conversationId)) {
      return;
    }
    const page = await this.#api.conversation(conversationId);
    for (const conversation of page?.epoch === epoch ? page.items : []) {
      this.#store.dispatch({ type: "conversationReceived", generation, conversation });
    }
  }

  /** Share one request among all who want the same page.
   *
   * @param load calls its argument when the response is here: a subscriber of the new page may request the next one at once
   */
  #once(key: string, load: (onResponse: () => void) => Promise<boolean>): Promise<boolean> {
    const pending = this.#requests.get(key);
    if (pending !== undefined) {
      return pending;
    }
    const request = load(() => this.#requests.delete(key));
    this.#requests.set(key, request);
    return request;
  }

  #inBackground(request: Promise<unknown>): void {
    request.catch((thrown: unknown) => {
      this.#onError(toError(thrown));
    });
  }
}

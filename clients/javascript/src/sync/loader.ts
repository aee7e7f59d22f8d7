/** What is loaded over REST, and when: first pages, further ones, and everything anew after a reset. */

import { backoff } from "../runtime/backoff.js";
import type { Environment } from "../runtime/environment.js";
import { ApiError, asError, SignedOutError } from "../runtime/errors.js";
import type { Holder } from "../state/store.js";
import type { Pages } from "../rest/inbox-api.js";
import type { Page, Snapshot } from "../state/reducer.js";
import { filterKey, type ConversationFilter } from "../state/inbox-state.js";

/** Threads that nobody looks at any more, but may again. */
const KEPT_THREADS = 20;
/** A server that wants nobody back for longer is asked all the same: it may have been restarted long before. */
const LONGEST_PAUSE_MS = 60_000;

export class Loading {
  readonly #pages: Pages;
  readonly #holder: Holder;
  readonly #environment: Pick<Environment, "after" | "random">;
  readonly #failed: (error: Error) => void;
  readonly #filters = new Map<string, ConversationFilter>([[filterKey({}), {}]]);
  /** How many look at a conversation, by its id; the last one looked at is the last here. */
  readonly #watched = new Map<string, number>();
  readonly #underway = new Map<string, Promise<boolean>>();
  #trying: Promise<void> | null = null;
  #reloading: Promise<void> | null = null;
  #isWanted = false;
  #run = new AbortController();
  /** Nothing that is older can be continued from. */
  #atLeast = 0;
  #wake: (() => void) | null = null;

  constructor(
    pages: Pages,
    holder: Holder,
    environment: Pick<Environment, "after" | "random">,
    failed: (error: Error) => void,
  ) {
    this.#pages = pages;
    this.#holder = holder;
    this.#environment = environment;
    this.#failed = failed;
  }

  stop(): void {
    this.#isWanted = false;
    this.#run.abort();
    this.#run = new AbortController();
    this.#wake?.();
  }

  /** Load everything that is shown, once; resolves when that was tried. */
  tryAll(): Promise<void> {
    this.#isWanted = true;
    const tried = this.#tryAll(this.#run.signal).finally(() => {
      this.#trying = this.#trying === tried ? null : this.#trying;
    });
    this.#trying = tried;
    return tried;
  }

  /** What is held cannot be continued: an answer has to know every change up to `seq`. */
  restart(seq: number): void {
    this.#atLeast = seq;
    this.#wake?.();
  }

  /** Load everything that is shown, and again until what is held can be trusted or `stop` is called. */
  reload(): Promise<void> {
    this.#isWanted = true;
    this.#reloading ??= this.#untilTrusted().finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  /** Do not wait for the next attempt. */
  hurry(): void {
    this.#wake?.();
  }

  /** A message was told: nobody keeps it who does not look, since whoever opens the conversation loads it. */
  told(conversationId: string): void {
    const thread = this.#holder.state.threads.get(conversationId);
    if (thread !== undefined && !thread.loaded && !thread.loading && !this.#watched.has(conversationId)) {
      this.#holder.dispatch({ type: "forgotten", conversationId });
    }
  }

  /** Try once more what has failed, now that there is a connection. */
  refresh(): void {
    const { state } = this.#holder;
    if (state.needsReload) {
      return;
    }
    for (const [key, filter] of this.#filters) {
      if (state.lists.get(key)?.loaded !== true) {
        this.#inBackground(this.firstConversations(filter));
      }
    }
    for (const id of this.#watched.keys()) {
      if (state.threads.get(id)?.loaded !== true) {
        this.#inBackground(this.moreMessages(id));
      }
    }
  }

  async firstConversations(filter: ConversationFilter): Promise<void> {
    this.#filters.set(filterKey(filter), filter);
    if (!this.#isHere(filter) && this.#holder.state.needsReload) {
      await this.#everything();
    }
    if (!this.#isHere(filter) && !this.#holder.state.needsReload) {
      await this.#conversations(filter, null);
    }
  }

  async moreConversations(filter: ConversationFilter): Promise<boolean> {
    const window = this.#holder.state.lists.get(filterKey(filter));
    if (window?.loaded !== true) {
      await this.firstConversations(filter);
      return this.#isHere(filter);
    }
    return window.next === null ? false : this.#conversations(filter, window.next);
  }

  #isHere(filter: ConversationFilter): boolean {
    return this.#holder.state.lists.get(filterKey(filter))?.loaded === true;
  }

  watch(conversationId: string): () => void {
    const count = this.#watched.get(conversationId) ?? 0;
    this.#watched.delete(conversationId);
    this.#watched.set(conversationId, count + 1);
    this.#forget();
    const { needsReload, threads } = this.#holder.state;
    if (!needsReload && threads.get(conversationId)?.loaded !== true) {
      this.#inBackground(this.moreMessages(conversationId));
    }
    let isOver = false;
    return () => {
      if (!isOver) {
        isOver = true;
        this.#watched.set(conversationId, (this.#watched.get(conversationId) ?? 1) - 1);
      }
    };
  }

  /** Load the page of messages before those that are here, or the first one. */
  async moreMessages(conversationId: string): Promise<boolean> {
    if (this.#holder.state.needsReload) {
      await this.#everything();
      return this.#holder.state.threads.get(conversationId)?.loaded === true;
    }
    const thread = this.#holder.state.threads.get(conversationId);
    if (thread?.loaded === true && thread.next === null) {
      return false;
    }
    return this.#messages(conversationId, thread?.loaded === true ? thread.next : null);
  }

  #conversations(filter: ConversationFilter, after: string | null): Promise<boolean> {
    return this.#once(`list ${filterKey(filter)}`, async (ended) => {
      const { generation } = this.#holder.state;
      this.#holder.dispatch({ type: "listLoading", filter });
      try {
        const page = await this.#pages.conversations(filter, after).finally(ended);
        this.#holder.dispatch({ type: "conversations", filter, generation, after, page });
        return true;
      } catch (thrown) {
        this.#holder.dispatch({ type: "listFailed", filter, error: asError(thrown).message });
        throw thrown;
      }
    });
  }

  #messages(conversationId: string, after: string | null): Promise<boolean> {
    return this.#once(`thread ${conversationId}`, async (ended) => {
      const { generation } = this.#holder.state;
      this.#holder.dispatch({ type: "threadLoading", conversationId });
      try {
        const [page] = await Promise.all([
          this.#pages.messages(conversationId, after),
          this.#conversationOf(conversationId),
        ]).finally(ended);
        this.#holder.dispatch({ type: "messages", conversationId, generation, after, page });
        return true;
      } catch (thrown) {
        this.#holder.dispatch({ type: "threadFailed", conversationId, error: asError(thrown).message });
        throw thrown;
      }
    });
  }

  /** Whose thread it is, where no list has said so. */
  async #conversationOf(conversationId: string): Promise<void> {
    const { generation, epoch, conversations } = this.#holder.state;
    if (conversations.get(conversationId) !== undefined) {
      return;
    }
    const pages = await this.#pages.conversation(conversationId);
    for (const conversation of pages.filter((page) => page.epoch === epoch).flatMap(({ items }) => items)) {
      this.#holder.dispatch({ type: "told", generation, conversation });
    }
  }

  /**
   * Who asks for what is under way already gets the same answer.
   *
   * @param load calls what it is given when it has its answer: whoever is told of a page may ask for the next one at once
   */
  #once(key: string, load: (ended: () => void) => Promise<boolean>): Promise<boolean> {
    const underway = this.#underway.get(key);
    if (underway !== undefined) {
      return underway;
    }
    const begun = load(() => this.#underway.delete(key));
    this.#underway.set(key, begun);
    return begun;
  }

  /** What is asked for while everything has to be loaded comes with that: now, where it waits for its next attempt. */
  async #everything(): Promise<void> {
    if (this.#isWanted) {
      this.hurry();
      await (this.#trying ?? this.reload());
    }
  }

  async #tryAll(signal: AbortSignal): Promise<void> {
    try {
      await this.#all(signal);
    } catch (thrown) {
      if (signal.aborted) {
        return;
      }
      this.#holder.dispatch({ type: "listFailed", filter: {}, error: asError(thrown).message });
      this.#failed(asError(thrown));
    }
  }

  async #untilTrusted(): Promise<void> {
    for (let failures = 0; this.#isWanted && this.#holder.state.needsReload; failures += 1) {
      let retryAfterMs: number | null = null;
      const { signal } = this.#run;
      try {
        await this.#all(signal);
      } catch (thrown) {
        if (signal.aborted) {
          continue;
        }
        this.#failed(asError(thrown));
        if (thrown instanceof SignedOutError) {
          return; // the connection says so too, and stops
        }
        retryAfterMs = thrown instanceof ApiError ? thrown.retryAfterMs : null;
      }
      if (this.#needsMore()) {
        await this.#pause(Math.min(retryAfterMs ?? backoff(failures, this.#environment.random()), LONGEST_PAUSE_MS));
      }
    }
  }

  #needsMore(): boolean {
    return this.#isWanted && this.#holder.state.needsReload;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#environment.after(milliseconds, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #all(signal: AbortSignal): Promise<void> {
    const watched = [...this.#watched].filter(([, count]) => count > 0).map(([id]) => id);
    const [lists, threads] = await Promise.all([
      Promise.all(
        [...this.#filters.values()].map(async (filter) => ({
          filter,
          page: await this.#pages.conversations(filter, null, signal),
        })),
      ),
      Promise.all(watched.map((conversationId) => this.#pages.firstMessages(conversationId, signal))),
    ]);
    const listed = new Set(lists.flatMap(({ page }) => page.items.map((one) => one.conversation_id)));
    const further = threads.flat().filter(({ conversationId }) => !listed.has(conversationId));
    // After the lists: they say which change it knows at least, and accounts have no number of their own.
    const [unlisted, accounts] = await Promise.all([
      Promise.all(further.map(({ conversationId }) => this.#pages.conversation(conversationId, signal))),
      this.#pages.accounts(signal),
    ]);
    const snapshot: Snapshot = { lists, threads: threads.flat(), unlisted: unlisted.flat(), accounts };
    const pages: readonly Page<unknown>[] = [
      ...[...lists, ...snapshot.threads].map(({ page }) => page),
      ...snapshot.unlisted,
    ];
    if (signal.aborted || pages.some(({ seq }) => seq < this.#atLeast)) {
      return; // answered by what has not heard of everything yet: it is tried again
    }
    this.#holder.dispatch({ type: this.#holder.state.epoch === null ? "begun" : "loaded", snapshot });
    for (const { conversation_id } of this.#holder.state.threads.values()) {
      this.told(conversation_id); // by the frames that waited
    }
    this.refresh();
  }

  #forget(): void {
    const idle = [...this.#watched].filter(([, count]) => count === 0).map(([id]) => id);
    for (const id of idle.slice(0, Math.max(0, idle.length - KEPT_THREADS))) {
      this.#watched.delete(id);
      this.#holder.dispatch({ type: "forgotten", conversationId: id });
    }
  }

  #inBackground(loading: Promise<unknown>): void {
    loading.catch((thrown: unknown) => {
      this.#failed(asError(thrown));
    });
  }
}

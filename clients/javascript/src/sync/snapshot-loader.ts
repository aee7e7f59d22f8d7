/** Loads everything that is shown in one snapshot: at the start, and after a reset until the state is up to date. */

import type { ConversationFilter } from "../protocol/types.js";
import type { InboxApi } from "../rest/inbox-api.js";
import { backoff } from "../runtime/backoff.js";
import type { Environment } from "../runtime/environment.js";
import { ApiError, SignedOutError, toError } from "../runtime/errors.js";
import type { Snapshot } from "../state/actions.js";
import type { InboxStore } from "../state/store.js";

/** A longer `Retry-After` is cut to this: the server may have recovered long before. */
const MAX_PAUSE_MS = 60_000;

/** What is shown, and so has to be in a snapshot. */
export interface Shown {
  readonly filters: readonly ConversationFilter[];
  readonly conversationIds: readonly string[];
}

export interface SnapshotHandlers {
  readonly shown: () => Shown;
  /** A snapshot is in the state. */
  readonly onLoaded: () => void;
  /** Loading failed, and will be retried. */
  readonly onError: (error: Error) => void;
}

export class SnapshotLoader {
  readonly #api: InboxApi;
  readonly #store: InboxStore;
  readonly #environment: Pick<Environment, "setTimer" | "random">;
  readonly #handlers: SnapshotHandlers;
  #isRunning = false;
  #firstLoad: Promise<void> | null = null;
  #reload: Promise<void> | null = null;
  #run = new AbortController();
  /** A snapshot with a lower `seq` is too old: frames after it were discarded. */
  #minSeq = 0;
  #endPause: (() => void) | null = null;

  constructor(
    api: InboxApi,
    store: InboxStore,
    environment: Pick<Environment, "setTimer" | "random">,
    handlers: SnapshotHandlers,
  ) {
    this.#api = api;
    this.#store = store;
    this.#environment = environment;
    this.#handlers = handlers;
  }

  /** Try once to load a snapshot. Resolves after the attempt, successful or not. */
  loadOnce(): Promise<void> {
    this.#isRunning = true;
    const load = this.#loadOnce(this.#run.signal).finally(() => {
      this.#firstLoad = this.#firstLoad === load ? null : this.#firstLoad;
    });
    this.#firstLoad = load;
    return load;
  }

  /** Load snapshots until the state is up to date or `stop` is called. */
  loadUntilCurrent(): Promise<void> {
    this.#isRunning = true;
    this.#reload ??= this.#loadUntilCurrent().finally(() => {
      this.#reload = null;
    });
    return this.#reload;
  }

  /** Wait for the snapshot that is being loaded, and start the next attempt at once. Does nothing before `loadOnce`. */
  async loadNow(): Promise<void> {
    if (this.#isRunning) {
      this.retryNow();
      await (this.#firstLoad ?? this.loadUntilCurrent());
    }
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    this.#endPause?.();
  }

  /** The state was reset at `seq`: a snapshot has to include every change up to it. */
  requireSeq(seq: number): void {
    this.#minSeq = seq;
    this.retryNow();
  }

  stop(): void {
    this.#isRunning = false;
    this.#run.abort();
    this.#run = new AbortController();
    this.retryNow();
  }

  async #loadOnce(signal: AbortSignal): Promise<void> {
    try {
      await this.#load(signal);
    } catch (thrown) {
      if (signal.aborted) {
        return;
      }
      this.#store.dispatch({ type: "listFailed", filter: {}, error: toError(thrown).message });
      this.#handlers.onError(toError(thrown));
    }
  }

  async #loadUntilCurrent(): Promise<void> {
    for (let failures = 0; this.#isLoadNeeded(); failures += 1) {
      let retryAfterMs: number | null = null;
      const { signal } = this.#run;
      try {
        await this.#load(signal);
      } catch (thrown) {
        if (signal.aborted) {
          continue;
        }
        this.#handlers.onError(toError(thrown));
        if (thrown instanceof SignedOutError) {
          return; // the connection stops for the same reason
        }
        retryAfterMs = thrown instanceof ApiError ? thrown.retryAfterMs : null;
      }
      if (this.#isLoadNeeded()) {
        await this.#pause(Math.min(retryAfterMs ?? backoff(failures, this.#environment.random()), MAX_PAUSE_MS));
      }
    }
  }

  #isLoadNeeded(): boolean {
    return this.#isRunning && this.#store.state.needsReload;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = this.#environment.setTimer(milliseconds, resolve);
      this.#endPause = () => {
        cancelTimer();
        resolve();
      };
    });
  }

  async #load(signal: AbortSignal): Promise<void> {
    const snapshot = await this.#fetchSnapshot(signal);
    const pages = [...[...snapshot.lists, ...snapshot.threads].map(({ page }) => page), ...snapshot.unlisted];
    if (signal.aborted || pages.some(({ seq }) => seq < this.#minSeq)) {
      return; // older than the reset, so that discarded frames would be missing: try again
    }
    this.#store.dispatch({ type: this.#store.state.epoch === null ? "initialized" : "reloaded", snapshot });
    this.#handlers.onLoaded();
  }

  async #fetchSnapshot(signal: AbortSignal): Promise<Snapshot> {
    const { filters, conversationIds } = this.#handlers.shown();
    const [lists, watched] = await Promise.all([
      Promise.all(
        filters.map(async (filter) => ({ filter, page: await this.#api.conversations(filter, null, signal) })),
      ),
      Promise.all(
        conversationIds.map(async (conversationId) => ({
          conversationId,
          page: await this.#api.firstMessages(conversationId, signal),
        })),
      ),
    ]);
    const threads = watched.flatMap(({ conversationId, page }) => (page === null ? [] : [{ conversationId, page }]));
    const listed = new Set(lists.flatMap(({ page }) => page.items.map(({ conversation_id }) => conversation_id)));
    const unlistedIds = threads.map(({ conversationId }) => conversationId).filter((id) => !listed.has(id));
    // After the lists: accounts carry no `seq`, so they must not be older than the lists.
    const [unlisted, accounts] = await Promise.all([
      Promise.all(unlistedIds.map((id) => this.#api.conversation(id, signal))),
      this.#api.accounts(signal),
    ]);
    return { lists, threads, unlisted: unlisted.filter((page) => page !== null), accounts };
  }
}

/** The lists of REST, by pages. */

import type { Api, Query } from "./http-client.js";
import { ApiError } from "../runtime/errors.js";
import type { Page, Snapshot } from "../state/reducer.js";
import type { ConversationFilter } from "../state/inbox-state.js";
import type { Account, Conversation, Message } from "../protocol/types.js";

/** Whoever goes on from a first page goes far: further pages are longer, so that they come less often. */
const FURTHER = 4;
/** The server gives no more at once. */
const LONGEST = 200;

export class Pages {
  readonly #api: Api;
  readonly #size: number;

  constructor(api: Api, size: number) {
    this.#api = api;
    this.#size = size;
  }

  /** One page of a list; `cursor` is `null` for the first. Throws as `Api.page`, as all of these. */
  conversations(filter: ConversationFilter, cursor: string | null, signal?: AbortSignal): Promise<Page<Conversation>> {
    const { platform, unread } = filter;
    const query: Query = { platform, unread: unread === true ? true : null, limit: this.#limit(cursor), cursor };
    return this.#api.page<Conversation>("/api/conversations", { query, signal });
  }

  /** One page of a thread. */
  messages(conversationId: string, cursor: string | null, signal?: AbortSignal): Promise<Page<Message>> {
    const path = `/api/conversations/${encodeURIComponent(conversationId)}/messages`;
    return this.#api.page<Message>(path, { query: { limit: this.#size, cursor }, signal });
  }

  /** One conversation, wherever in the lists it stands; nothing where there is no such one. */
  conversation(conversationId: string, signal?: AbortSignal): Promise<readonly Page<Conversation>[]> {
    return ifThere(this.#api.one<Conversation>(`/api/conversations/${encodeURIComponent(conversationId)}`, { signal }));
  }

  #limit(cursor: string | null): number {
    return cursor === null ? this.#size : Math.min(LONGEST, this.#size * FURTHER);
  }

  /** The first page of a thread as a part of a snapshot: nothing where there is no such conversation. */
  async firstMessages(conversationId: string, signal: AbortSignal): Promise<Snapshot["threads"]> {
    const there = await ifThere(this.messages(conversationId, null, signal));
    return there.map((page) => ({ conversationId, page }));
  }

  /** All accounts; `null` where they cannot be asked for. */
  async accounts(signal: AbortSignal): Promise<readonly Account[] | null> {
    try {
      return (await this.#api.page<Account>("/api/accounts", { query: { limit: 200 }, renews: false, signal })).items;
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status < 500) {
        return null; // a server that shows them to administrators only: frames still tell of changes
      }
      throw thrown;
    }
  }
}

/** What was asked for, or nothing where it is not there any more, or not yet. */
async function ifThere<Answer>(asked: Promise<Answer>): Promise<readonly Answer[]> {
  try {
    return [await asked];
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 404) {
      return [];
    }
    throw thrown;
  }
}

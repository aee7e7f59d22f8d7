/** The REST endpoints of an inbox. Every method throws as `HttpClient.request` does. */

import type { Account, Conversation, ConversationFilter, ListPage, Message, SearchHit } from "../protocol/types.js";
import { ApiError } from "../runtime/errors.js";
import { parseBody, type HttpClient, type HttpResponse, type Query } from "./http-client.js";

/** Later pages of conversations are longer than the first: whoever scrolls on usually scrolls far. */
const LATER_PAGE_FACTOR = 4;
/** The server's limit. */
const MAX_PAGE_SIZE = 200;

export class InboxApi {
  readonly #http: HttpClient;
  readonly #pageSize: number;

  /** @param pageSize number of items on a first page */
  constructor(http: HttpClient, pageSize: number) {
    this.#http = http;
    this.#pageSize = pageSize;
  }

  /** Return one page of a list of conversations; `cursor` is `null` for the first. */
  conversations(
    filter: ConversationFilter,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<ListPage<Conversation>> {
    const { platform, unread } = filter;
    const query: Query = { platform, unread: unread === true ? true : null, limit: this.#limit(cursor), cursor };
    return this.#http.getPage<Conversation>("/api/conversations", { query, signal });
  }

  /** Return one page of the messages of a conversation; `cursor` is `null` for the first. */
  messages(conversationId: string, cursor: string | null, signal?: AbortSignal): Promise<ListPage<Message>> {
    const path = `${conversationPath(conversationId)}/messages`;
    return this.#http.getPage<Message>(path, { query: { limit: this.#pageSize, cursor }, signal });
  }

  /** Return the first page of messages; `null` if there is no such conversation. */
  firstMessages(conversationId: string, signal: AbortSignal): Promise<ListPage<Message> | null> {
    return nullIfNotFound(this.messages(conversationId, null, signal));
  }

  /** Return one conversation, wherever it is in the lists; `null` if there is none. */
  conversation(conversationId: string, signal?: AbortSignal): Promise<ListPage<Conversation> | null> {
    return nullIfNotFound(this.#http.getOne<Conversation>(conversationPath(conversationId), { signal }));
  }

  /** Return all accounts; `null` if the server shows them to administrators only. Frames still report changes. */
  async accounts(signal: AbortSignal): Promise<readonly Account[] | null> {
    try {
      const query = { limit: MAX_PAGE_SIZE };
      return (await this.#http.getPage<Account>("/api/accounts", { query, renewsToken: false, signal })).items;
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status < 500 && thrown.status !== 429) {
        return null;
      }
      throw thrown;
    }
  }

  /** Return one page of search results. */
  search(query: Query, signal?: AbortSignal): Promise<ListPage<SearchHit>> {
    return this.#http.getPage<SearchHit>("/api/search", { query, signal });
  }

  /** Return the content of an attachment. */
  media(conversationId: string, messageId: number, index: number, signal?: AbortSignal): Promise<Blob> {
    const path = [conversationId, messageId, index].map((part) => encodeURIComponent(part)).join("/");
    return this.#http.getFile(`/api/media/${path}`, signal);
  }

  /** Mark messages up to `upToSeq` as read; returns the conversation and the epoch it was read at. */
  async markRead(
    conversationId: string,
    upToSeq: number,
  ): Promise<{ readonly conversation: Conversation; readonly epoch: string | null }> {
    const options = { body: { up_to_seq: upToSeq } };
    const response: HttpResponse = await this.#http.request(`${conversationPath(conversationId)}/read`, options);
    return { conversation: parseBody(response) as Conversation, epoch: response.headers.get("Inbox-Epoch") };
  }

  #limit(cursor: string | null): number {
    return cursor === null ? this.#pageSize : Math.min(MAX_PAGE_SIZE, this.#pageSize * LATER_PAGE_FACTOR);
  }
}

function conversationPath(conversationId: string): string {
  return `/api/conversations/${encodeURIComponent(conversationId)}`;
}

async function nullIfNotFound<Result>(request: Promise<Result>): Promise<Result | null> {
  try {
    return await request;
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 404) {
      return null;
    }
    throw thrown;
  }
}

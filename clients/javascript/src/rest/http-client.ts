/** REST: lists by pages, searching, marking as read, media. */

import type { Environment } from "../runtime/environment.js";
import { ApiError, asError, NetworkError, reasonOf, SignedOutError } from "../runtime/errors.js";
import type { Page } from "../state/reducer.js";
import { retryAfterMs } from "../protocol/retry-after.js";
import type { Tokens } from "../runtime/token-cache.js";

const TIMEOUT_MS = 20_000;
/** A little more than the server gives one. */
const FILE_TIMEOUT_MS = 130_000;

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Request {
  readonly query?: Query;
  /** Sent as JSON with POST. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Whether a 401 says that the token is bad, and another one is to be tried. Default true. */
  readonly renews?: boolean;
  /** Whether the answer is a file and not JSON. */
  readonly isFile?: boolean;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The file that was asked for; `text` is empty then. */
  readonly file: Blob | null;
}

export class Api {
  readonly #url: string;
  readonly #tokens: Tokens;
  readonly #environment: Pick<Environment, "fetch" | "after">;

  /** @param url `https://…`, without a slash at the end */
  constructor(url: string, tokens: Tokens, environment: Pick<Environment, "fetch" | "after">) {
    this.#url = url;
    this.#tokens = tokens;
    this.#environment = environment;
  }

  /** Return one page of a list.
   *
   * @throws {ApiError} the server refused
   * @throws {NetworkError} there was no answer
   * @throws {SignedOutError} there is no token
   */
  async page<Item>(path: string, request: Request = {}): Promise<Page<Item>> {
    const response = await this.request(path, request);
    return pageOf(response, bodyOf(response) as Item[]);
  }

  /** Return the one thing that is answered, as a page. Throws as `page` does. */
  async one<Item>(path: string, request: Request = {}): Promise<Page<Item>> {
    const response = await this.request(path, request);
    return pageOf(response, [bodyOf(response) as Item]);
  }

  /** Return a file. Throws as `page` does. */
  async file(path: string, signal: AbortSignal | undefined): Promise<Blob> {
    const { file } = await this.request(path, { signal, isFile: true });
    return file ?? new Blob();
  }

  /** Ask, with the user's token; once more with another one where it was refused. Throws as `page` does. */
  async request(path: string, request: Request = {}): Promise<Answer> {
    const token = await this.#tokens.current();
    if (token === null) {
      throw new SignedOutError();
    }
    const response = await this.#send(path, request, token);
    if (response.status !== 401 || request.renews === false) {
      return checked(response);
    }
    const other = await this.#tokens.replace(token, "refused");
    if (other === null) {
      throw new SignedOutError();
    }
    return checked(other === token ? response : await this.#send(path, request, other));
  }

  async #send(path: string, { query = {}, body, signal, isFile = false }: Request, token: string): Promise<Answer> {
    const address = `${this.#url}${path}${encoded(query)}`;
    const ends = new AbortController();
    const abort = (): void => {
      ends.abort(signal?.reason);
    };
    const afterMs = isFile ? FILE_TIMEOUT_MS : TIMEOUT_MS;
    const cancelTimer = this.#environment.after(afterMs, () => {
      ends.abort(new Error(`There was no answer within ${String(afterMs / 1000)} s.`));
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) {
      abort();
    }
    const headers = { Authorization: `Bearer ${token}`, Accept: isFile ? "*/*" : "application/json" };
    const asPost = {
      method: "POST",
      body: JSON.stringify(body),
      headers: { ...headers, "Content-Type": "application/json" },
    };
    try {
      const response = await this.#environment.fetch(address, {
        ...(body === undefined ? { headers } : asPost),
        signal: ends.signal,
        credentials: "omit",
      });
      const file = isFile && response.ok ? await response.blob() : null;
      return { status: response.status, headers: response.headers, text: file ? "" : await response.text(), file };
    } catch (thrown) {
      if (signal?.aborted === true) {
        throw thrown;
      }
      const reason = reasonOf(thrown, token);
      throw new NetworkError(reason, reason === asError(thrown).message ? { cause: thrown } : {});
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
    }
  }
}

function encoded(query: Query): string {
  const said = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return said.length === 0
    ? ""
    : `?${new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString()}`;
}

function checked(response: Answer): Answer {
  if (response.status >= 200 && response.status < 300) {
    return response;
  }
  const problem = problemOf(response.text);
  throw new ApiError(
    response.status,
    problem.type ?? "about:blank",
    problem.detail ?? problem.title ?? `HTTP ${String(response.status)}`,
    retryAfterMs(response.headers),
  );
}

function pageOf<Item>({ headers }: Answer, items: readonly Item[]): Page<Item> {
  return {
    items,
    next: nextCursor(headers.get("Link")),
    seq: Number(headers.get("Inbox-Seq") ?? 0),
    epoch: headers.get("Inbox-Epoch") ?? "",
  };
}

/** Return what an answer says; something on the way may have answered in the server's place, with a page.
 *
 * @throws {NetworkError} that is so
 */
export function bodyOf(response: Answer): unknown {
  try {
    return JSON.parse(response.text);
  } catch (thrown) {
    throw new NetworkError("The answer is not one of Switchboard.", { cause: thrown });
  }
}

function problemOf(text: string): { type?: string; title?: string; detail?: string } {
  try {
    return JSON.parse(text) as { type?: string; title?: string; detail?: string };
  } catch {
    return {}; // something on the way answered, not Switchboard
  }
}

const NEXT = /<([^>]*)>\s*;[^,]*\brel="?next"?/;

/** Return the cursor of a `Link` header's next page (RFC 8288), or `null`. */
export function nextCursor(link: string | null): string | null {
  const target = NEXT.exec(link ?? "")?.[1];
  return target === undefined ? null : new URL(target, "http://relative.invalid").searchParams.get("cursor");
}

/** HTTP requests with the user's token: timeouts, token renewal, problem details, list pages. */

import { retryAfterMs } from "../protocol/retry-after.js";
import type { ListPage } from "../protocol/types.js";
import type { Environment } from "../runtime/environment.js";
import { ApiError, NetworkError, redactedMessage, SignedOutError, toError } from "../runtime/errors.js";
import type { TokenCache } from "../runtime/token-cache.js";

const TIMEOUT_MS = 20_000;
/** Slightly longer than the server's own limit for a file. */
const FILE_TIMEOUT_MS = 130_000;
/** Too many requests wait at the server: of this user, or of all users. */
const BUSY_STATUSES: readonly number[] = [429, 503];
/** A busy server is asked this often in total. */
const MAX_BUSY_ATTEMPTS = 3;
/** A longer `Retry-After` is not waited for: whoever wants the response decides. */
const MAX_BUSY_WAIT_MS = 5_000;

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface RequestOptions {
  /** Parameters that are `null` or `undefined` are left out. */
  readonly query?: Query;
  /** Sent as JSON with POST. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Whether to retry once with a new token after a 401. Default: true. */
  readonly renewsToken?: boolean;
  /** Whether the response is a file and not JSON. */
  readonly isFile?: boolean;
}

/** A response that was read to its end. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The content if a file was requested; `text` is then empty. */
  readonly file: Blob | null;
}

export class HttpClient {
  readonly #url: string;
  readonly #tokens: TokenCache;
  readonly #environment: Pick<Environment, "fetch" | "setTimer">;

  /** @param url the base URL, `https://…`, without a trailing slash */
  constructor(url: string, tokens: TokenCache, environment: Pick<Environment, "fetch" | "setTimer">) {
    this.#url = url;
    this.#tokens = tokens;
    this.#environment = environment;
  }

  /** Send a request with the user's token. If the token is refused, retry once with a new one.
   *
   * If the server is too busy for something to be read, retry twice, each time after `Retry-After`.
   *
   * @param path the path, with a leading slash
   * @throws {ApiError} the server refused the request
   * @throws {NetworkError} there was no response within 20 s (files: 130 s)
   * @throws {SignedOutError} there is no token
   * @throws the reason of `signal`, if it is aborted
   */
  async request(path: string, options: RequestOptions = {}): Promise<HttpResponse> {
    const token = await this.#tokens.current();
    if (token === null) {
      throw new SignedOutError();
    }
    const response = await this.#sendPatiently(path, options, token);
    if (response.status !== 401 || options.renewsToken === false) {
      return ensureOk(response);
    }
    const newToken = await this.#tokens.replace(token, "refused");
    if (newToken === null) {
      throw new SignedOutError();
    }
    return ensureOk(newToken === token ? response : await this.#sendPatiently(path, options, newToken));
  }

  /** Return one page of a list. Throws as `request` does. */
  async getPage<Item>(path: string, options: RequestOptions = {}): Promise<ListPage<Item>> {
    const response = await this.request(path, options);
    return parsePage(response, parseBody(response) as Item[]);
  }

  /** Return a single object as a page of one item. Throws as `request` does. */
  async getOne<Item>(path: string, options: RequestOptions = {}): Promise<ListPage<Item>> {
    const response = await this.request(path, options);
    return parsePage(response, [parseBody(response) as Item]);
  }

  /** Return a file. Throws as `request` does. */
  async getFile(path: string, signal: AbortSignal | undefined): Promise<Blob> {
    const { file } = await this.request(path, { signal, isFile: true });
    return file ?? new Blob();
  }

  /** Send a request, and what only reads again after `Retry-After` if the server is too busy. */
  async #sendPatiently(path: string, options: RequestOptions, token: string): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send(path, options, token);
      const waitMs = BUSY_STATUSES.includes(response.status) ? retryAfterMs(response.headers) : null;
      const isLast = options.body !== undefined || attempt === MAX_BUSY_ATTEMPTS;
      if (waitMs === null || waitMs > MAX_BUSY_WAIT_MS || isLast) {
        return response;
      }
      await this.#wait(waitMs, options.signal);
    }
  }

  /** @throws the reason of `signal`, if it is aborted */
  #wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancelTimer();
        reject(toError(signal?.reason));
      };
      const cancelTimer = this.#environment.setTimer(milliseconds, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) {
        onAbort();
      }
    });
  }

  async #send(
    path: string,
    { query = {}, body, signal, isFile = false }: RequestOptions,
    token: string,
  ): Promise<HttpResponse> {
    const abort = new AbortController();
    const onAbort = (): void => {
      abort.abort(signal?.reason);
    };
    const timeoutMs = isFile ? FILE_TIMEOUT_MS : TIMEOUT_MS;
    const cancelTimer = this.#environment.setTimer(timeoutMs, () => {
      abort.abort(new Error(`The server did not respond within ${String(timeoutMs / 1000)} s.`));
    });
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) {
      onAbort();
    }
    const headers = { Authorization: `Bearer ${token}`, Accept: isFile ? "*/*" : "application/json" };
    const post = {
      method: "POST",
      body: JSON.stringify(body),
      headers: { ...headers, "Content-Type": "application/json" },
    };
    try {
      const response = await this.#environment.fetch(`${this.#url}${path}${encodeQuery(query)}`, {
        ...(body === undefined ? { headers } : post),
        signal: abort.signal,
        credentials: "omit",
      });
      const file = isFile && response.ok ? await response.blob() : null;
      return { status: response.status, headers: response.headers, text: file ? "" : await response.text(), file };
    } catch (thrown) {
      if (signal?.aborted === true) {
        throw thrown;
      }
      const message = redactedMessage(thrown, token);
      // The cause would carry the token if its message does.
      throw new NetworkError(message, message === toError(thrown).message ? { cause: thrown } : {});
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

/** Return the parsed JSON of a response.
 *
 * @throws {NetworkError} it is not JSON: a proxy or a captive portal responded in the server's place
 */
export function parseBody(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.text);
  } catch (thrown) {
    throw new NetworkError("The response is not from Switchboard.", { cause: thrown });
  }
}

const NEXT_LINK = /<([^>]*)>\s*;[^,]*\brel="?next"?/;

/** Return the cursor of the next page from a `Link` header (RFC 8288); `null` if there is none. */
export function nextCursor(link: string | null): string | null {
  const target = NEXT_LINK.exec(link ?? "")?.[1];
  return target === undefined ? null : new URL(target, "http://relative.invalid").searchParams.get("cursor");
}

function encodeQuery(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0
    ? ""
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

function ensureOk(response: HttpResponse): HttpResponse {
  if (response.status >= 200 && response.status < 300) {
    return response;
  }
  const problem = parseProblem(response.text);
  throw new ApiError(
    response.status,
    problem.type ?? "about:blank",
    problem.detail ?? problem.title ?? `HTTP ${String(response.status)}`,
    retryAfterMs(response.headers),
  );
}

function parsePage<Item>({ headers }: HttpResponse, items: readonly Item[]): ListPage<Item> {
  return {
    items,
    next: nextCursor(headers.get("Link")),
    seq: Number(headers.get("Inbox-Seq") ?? 0),
    epoch: headers.get("Inbox-Epoch") ?? "",
  };
}

function parseProblem(text: string): { type?: string; title?: string; detail?: string } {
  try {
    return JSON.parse(text) as { type?: string; title?: string; detail?: string };
  } catch {
    return {}; // a proxy responded, not Switchboard
  }
}

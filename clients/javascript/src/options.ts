/** The options of a client, and their defaults. */

import type { ConnectionOptions } from "./connection/endpoint.js";
import { browserEnvironment, type Environment } from "./runtime/environment.js";
import { TokenCache, type GetToken } from "./runtime/token-cache.js";

const DEFAULT_PAGE_SIZE = 50;
const DEFAULT_SSE_AFTER_FAILURES = 3;

export interface InboxClientOptions {
  readonly userId: string;
  readonly getToken: GetToken;
  /** The base URL of Switchboard, for example `https://inbox.example.com`. Default: the origin of the page. */
  readonly url?: string | undefined;
  /** The base URL of the push gateway, if it is another host. Default: `url`. */
  readonly pushUrl?: string | undefined;
  /** Identifies this browser to the user's other devices: 1 to 64 letters, digits and `. _ : -`. */
  readonly device?: string | undefined;
  /** Number of conversations or messages on a first page. Later pages of conversations have four times as many, at most
   * 200. Default: 50.
   */
  readonly pageSize?: number | undefined;
  /** Number of WebSockets in a row that fail before `hello`, after which server-sent events are tried. Default: 3. 0: never. */
  readonly sseAfterFailures?: number | undefined;
  /** Replaces clock, timers, randomness or network, for tests and for Node without `WebSocket`. */
  readonly environment?: Partial<Environment> | undefined;
}

/** The options with their defaults, and what is made of them. */
export interface ResolvedOptions {
  /** The base URL of the REST API, without a trailing slash. */
  readonly url: string;
  readonly pageSize: number;
  readonly tokens: TokenCache;
  readonly connection: ConnectionOptions;
  readonly environment: Environment;
}

export function resolveOptions(options: InboxClientOptions): ResolvedOptions {
  const environment = { ...browserEnvironment(), ...options.environment };
  const url = withoutTrailingSlash(options.url ?? environment.origin());
  return {
    url,
    pageSize: options.pageSize ?? DEFAULT_PAGE_SIZE,
    tokens: new TokenCache(options.getToken, options.userId, environment.now),
    connection: {
      userId: options.userId,
      pushUrl: withoutTrailingSlash(options.pushUrl ?? url),
      device: options.device,
      sseAfterFailures: options.sseAfterFailures ?? DEFAULT_SSE_AFTER_FAILURES,
    },
    environment,
  };
}

function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

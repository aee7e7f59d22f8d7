/** What a client is told when it is made. */

import type { Environment } from "./runtime/environment.js";

/** Why a token is asked for: at the beginning, before it ends, or because the server refused the last one. */
export type TokenReason = "start" | "expiring" | "refused";

/** Returns a token of the user, or `null` (or nothing) where there is none any more: then everything stops as `signed_out`.
 *
 * What it throws counts as a failure that may pass. Space around the token does not matter.
 */
export type GetToken = (
  reason: TokenReason,
  userId: string,
) => Promise<string | null | undefined> | string | null | undefined;

export interface InboxClientOptions {
  readonly userId: string;
  readonly getToken: GetToken;
  /** Where Switchboard is, e.g. `https://inbox.example.com`; without it the page's own origin. */
  readonly url?: string | undefined;
  /** Where the gateway is, if that is another host. */
  readonly pushUrl?: string | undefined;
  /** What this browser is called to the user's other devices: 1 to 64 letters, digits and `. _ : -`. */
  readonly device?: string | undefined;
  /** How many conversations or messages a first page has; further ones have four times as many, at most 200. Default 50. */
  readonly pageSize?: number | undefined;
  /** After how many WebSockets in a row that never got a `hello` server-sent events are tried. Default 3; 0: never. */
  readonly sseAfterFailures?: number | undefined;
  /** Time, chance and network; tests pass their own. */
  readonly environment?: Partial<Environment> | undefined;
}

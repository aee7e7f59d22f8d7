/** The user's token, shared by REST and the connection: requested once at a time and kept while it is valid. */

/** Why a token is requested: the client starts, the last token expires soon, or the server refused it. */
export type TokenReason = "start" | "expiring" | "refused";

/** Returns a token of the user, or `null` (or `undefined`) if the user is signed out: the client then stops with the
 * reason `signed_out`.
 *
 * An error counts as temporary: the client calls again later. Whitespace around the token is ignored.
 */
export type GetToken = (
  reason: TokenReason,
  userId: string,
) => Promise<string | null | undefined> | string | null | undefined;

/** A token with less time left than this is replaced before it is used. */
const MIN_REMAINING_MS = 5_000;
/** `getToken` is called again if it has not returned after this time. */
const GET_TOKEN_TIMEOUT_MS = 30_000;

export class TokenCache {
  readonly #getToken: (reason: TokenReason) => ReturnType<GetToken>;
  readonly #now: () => number;
  #token: string | null = null;
  #expiresAt: number | null = null;
  #pending: Promise<string | null> | null = null;
  #pendingSince = 0;
  #requests = 0;

  /** @param now the wall clock: milliseconds since 1970 */
  constructor(getToken: GetToken, userId: string, now: () => number) {
    this.#getToken = (reason) => getToken(reason, userId);
    this.#now = now;
  }

  /** When the cached token expires, in milliseconds since 1970; `null` if unknown. */
  get expiresAt(): number | null {
    return this.#expiresAt;
  }

  /** Return the cached token if it is valid, else a new one; `null` if the user is signed out. Throws as `getToken`. */
  async current(): Promise<string | null> {
    const isValid = this.#token !== null && (this.#expiresAt === null || this.#hasTimeLeft(this.#expiresAt));
    return isValid ? this.#token : this.#request(this.#token === null ? "start" : "expiring");
  }

  /** Return a token to use in place of `token`: the cached one if it is already another, else a new one.
   *
   * @param token the token that was refused or expires soon
   */
  async replace(token: string, reason: TokenReason): Promise<string | null> {
    return this.#token !== null && this.#token !== token ? this.current() : this.#request(reason);
  }

  #request(reason: TokenReason): Promise<string | null> {
    const now = this.#now();
    if (this.#pending === null || now - this.#pendingSince >= GET_TOKEN_TIMEOUT_MS) {
      this.#pendingSince = now;
      const pending = this.#fetch(reason).finally(() => {
        this.#pending = this.#pending === pending ? null : this.#pending;
      });
      this.#pending = pending;
    }
    return this.#pending;
  }

  async #fetch(reason: TokenReason): Promise<string | null> {
    this.#requests += 1;
    const request = this.#requests;
    const trimmed = (await this.#getToken(reason))?.trim() ?? "";
    const token = trimmed === "" ? null : trimmed;
    // A request that timed out and returns after its successor must not replace the newer token.
    if (request === this.#requests) {
      const expiresAt = token === null ? null : tokenExpiry(token);
      this.#token = token;
      // A new token that looks expired means that the clocks differ: use it until the server refuses it.
      this.#expiresAt = expiresAt !== null && this.#hasTimeLeft(expiresAt) ? expiresAt : null;
    }
    return token;
  }

  #hasTimeLeft(expiresAt: number): boolean {
    return expiresAt - this.#now() > MIN_REMAINING_MS;
  }
}

/** Return when a JSON Web Token expires, in milliseconds since 1970; `null` if it does not say. It is not verified. */
export function tokenExpiry(token: string): number | null {
  const [, payload] = token.split(".");
  if (payload === undefined) {
    return null;
  }
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const { exp } = claims as { readonly exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null; // not a JWT: the server decides whether it is valid
  }
}

/** One token for REST and for the connection: asked for once at a time, and kept while it is good. */

import type { GetToken, TokenReason } from "../options.js";

/** A token that ends sooner than this is not begun with. */
const SPARE_MS = 5_000;
/** Whoever has not answered by then is asked again. */
const PATIENCE_MS = 30_000;

export class Tokens {
  readonly #getToken: (reason: TokenReason) => ReturnType<GetToken>;
  readonly #now: () => number;
  #token: string | null = null;
  #expiresAt: number | null = null;
  #asked: Promise<string | null> | null = null;
  #askedAt = 0;
  #turn = 0;

  constructor(getToken: GetToken, userId: string, now: () => number) {
    this.#getToken = (reason) => getToken(reason, userId);
    this.#now = now;
  }

  /** When the token that is held ends, milliseconds since 1970; `null` where that is not known. */
  get expiresAt(): number | null {
    return this.#expiresAt;
  }

  /** Return the token that is held if it is good, else another one; `null` where there is none. */
  async current(): Promise<string | null> {
    const isGood = this.#token !== null && (this.#expiresAt === null || this.#isToCome(this.#expiresAt));
    return isGood ? this.#token : this.#ask(this.#token === null ? "start" : "expiring");
  }

  /** Return another token than `token`, which was refused or ends soon; the one that is held if it is another already. */
  async replace(token: string, reason: TokenReason): Promise<string | null> {
    return this.#token !== null && this.#token !== token ? this.current() : this.#ask(reason);
  }

  #ask(reason: TokenReason): Promise<string | null> {
    const now = this.#now();
    if (this.#asked === null || now - this.#askedAt >= PATIENCE_MS) {
      this.#askedAt = now;
      const asked = this.#fetch(reason).finally(() => {
        this.#asked = this.#asked === asked ? null : this.#asked;
      });
      this.#asked = asked;
    }
    return this.#asked;
  }

  async #fetch(reason: TokenReason): Promise<string | null> {
    this.#turn += 1;
    const turn = this.#turn;
    const said = (await this.#getToken(reason))?.trim() ?? "";
    const token = said === "" ? null : said;
    if (turn === this.#turn) {
      const expiresAt = token === null ? null : expiryOf(token);
      this.#token = token;
      // One that seems over as it comes shows that the clocks differ: it is good until the server says otherwise.
      this.#expiresAt = expiresAt !== null && this.#isToCome(expiresAt) ? expiresAt : null;
    }
    return token;
  }

  #isToCome(expiresAt: number): boolean {
    return expiresAt - this.#now() > SPARE_MS;
  }
}

/** When a JSON Web Token ends, milliseconds since 1970; `null` where it does not say. It is not verified. */
export function expiryOf(token: string): number | null {
  const [, payload] = token.split(".");
  if (payload === undefined) {
    return null;
  }
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const { exp } = claims as { readonly exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null; // it is no JWT: the server will say what it thinks of it
  }
}

/** What can go wrong with a request.
 *
 * Error
 * ├── ApiError          the server answered, and refused
 * ├── NetworkError      there was no answer, or none of Switchboard's: it may work later
 * └── SignedOutError    there is no token
 */

/** The server's refusal, RFC 9457. Branch on `type`, e.g. `urn:switchboard:problem:not-found`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly type: string;
  /** When to come again, where the server said so. */
  readonly retryAfterMs: number | null;

  constructor(status: number, type: string, detail: string, retryAfterMs: number | null) {
    super(detail);
    this.status = status;
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

export class SignedOutError extends Error {
  override readonly name = "SignedOutError";

  constructor() {
    super("There is no token.");
  }
}

/** Return why, without the token: browsers quote a header or a subprotocol that they do not take. */
export function reasonOf(thrown: unknown, token: string): string {
  return asError(thrown).message.replaceAll(token, "…");
}

/** Return what was thrown as an `Error`, whatever it was. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The errors of a request.
 *
 * Error
 * ├── ApiError          the server refused the request
 * ├── NetworkError      no response, or not one of Switchboard: a retry may succeed
 * └── SignedOutError    there is no token
 */

/** The server refused a request. Carries the problem details (RFC 9457): branch on `type`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status. */
  readonly status: number;
  /** Identifies the problem, for example `urn:switchboard:problem:not-found`. */
  readonly type: string;
  /** How long to wait before a retry, in milliseconds; `null` if the server does not say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, type: string, detail: string, retryAfterMs: number | null) {
    super(detail);
    this.status = status;
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server could not be reached, did not respond in time, or something else responded in its place. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/** `getToken` returned no token. */
export class SignedOutError extends Error {
  override readonly name = "SignedOutError";

  constructor() {
    super("There is no token.");
  }
}

/** Return the message of an error without the token: browsers quote a header or a subprotocol that they reject. */
export function redactedMessage(thrown: unknown, token: string): string {
  return toError(thrown).message.replaceAll(token, "…");
}

/** Return whatever was thrown as an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Where to connect to, and from which position to resume. */

import type { TransportName } from "./machine-state.js";

export interface ConnectionOptions {
  readonly userId: string;
  /** The base URL of the gateway, `https://…`, without a trailing slash. */
  readonly pushUrl: string;
  /** Identifies this browser to the user's other devices. */
  readonly device: string | undefined;
  /** See `InboxClientOptions.sseAfterFailures`. */
  readonly sseAfterFailures: number;
}

/** The position to resume from; `null` if nothing was received yet. */
export interface ResumePosition {
  readonly after: number | null;
  readonly epoch: string | null;
}

/** Return the URL of a connection, without the token. */
export function connectionUrl(
  { pushUrl, userId, device }: ConnectionOptions,
  transport: TransportName,
  { after, epoch }: ResumePosition,
): string {
  const parameters = new URLSearchParams();
  if (after !== null && epoch !== null) {
    parameters.set("after", String(after));
    parameters.set("epoch", epoch);
  }
  if (device !== undefined) {
    parameters.set("client", device);
  }
  const base = transport === "websocket" ? `${pushUrl.replace(/^http/, "ws")}/ws` : `${pushUrl}/sse`;
  const query = parameters.toString();
  return `${base}/${encodeURIComponent(userId)}${query === "" ? "" : `?${query}`}`;
}

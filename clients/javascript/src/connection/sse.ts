/** Server-sent events over `fetch`, which can send the token as a header, as `EventSource` cannot. */

import type { Environment } from "../runtime/environment.js";
import { asError } from "../runtime/errors.js";
import { retryAfterMs } from "../protocol/retry-after.js";
import type { Heard, Opening, Transport } from "./websocket.js";

/** One event of a stream. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

const CODES: ReadonlyMap<number, number> = new Map([
  [400, 4400],
  [401, 4001],
  [403, 4003],
  [429, 4009],
  [503, 1012],
]);
const LOST = 1006;

/** Open an event stream. */
export function eventStreamTransport(
  { fetch }: Pick<Environment, "fetch">,
  { url, token }: Opening,
  heard: Heard,
): Transport {
  const ends = new AbortController();
  const tell: Heard = {
    opened: () => {
      if (!ends.signal.aborted) heard.opened();
    },
    frame: (text) => {
      if (!ends.signal.aborted) heard.frame(text);
    },
    closed: (...said) => {
      if (!ends.signal.aborted) {
        ends.abort();
        heard.closed(...said);
      }
    },
  };
  follow(fetch, url, token, ends.signal, tell).catch((thrown: unknown) => {
    tell.closed(LOST, asError(thrown).message, null);
  });
  return {
    send: () => undefined,
    close: () => {
      ends.abort();
    },
  };
}

async function follow(get: typeof fetch, url: string, token: string, signal: AbortSignal, tell: Heard): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
  const response = await get(url, { headers, signal, cache: "no-store" });
  if (!response.ok || response.body === null) {
    const code = CODES.get(response.status) ?? LOST;
    tell.closed(code, `HTTP ${String(response.status)}`, retryAfterMs(response.headers));
    return;
  }
  tell.opened();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parse = eventParser();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (const { event, data } of parse(decoder.decode(part.value, { stream: true }))) {
      if (event === "close") {
        const said = JSON.parse(data) as { code: number; reason?: string; retry_after_ms?: number | null };
        tell.closed(said.code, said.reason ?? "", said.retry_after_ms ?? null);
        return;
      }
      tell.frame(data);
    }
  }
  tell.closed(LOST, "the stream ended", null);
}

/** Return a function that takes the stream in pieces, cut anywhere, and returns the events that are complete by then.
 *
 * HTML, 9.2.6: lines end with CR LF, LF or CR; an empty one ends an event; one that begins with a colon is a comment.
 */
export function eventParser(): (text: string) => StreamEvent[] {
  let rest = "";
  let event = "";
  let data: string[] = [];
  return (text) => {
    const found: StreamEvent[] = [];
    // A CR at the very end may be the first half of CR LF: it waits for what follows.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) {
          found.push({ event: event || "message", data: data.join("\n") });
        }
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") {
        event = value;
      } else if (field === "data") {
        data.push(value);
      }
    }
    return found;
  };
}

/** Frames as server-sent events. Uses `fetch`, because `EventSource` cannot send the token as a header. */

import { retryAfterMs } from "../protocol/retry-after.js";
import type { Environment } from "../runtime/environment.js";
import { toError } from "../runtime/errors.js";
import { createSseParser } from "./sse-parser.js";
import type { Transport, TransportHandlers, TransportRequest } from "./transport.js";

/** The close code of each HTTP status with which the gateway refuses a stream. */
const CLOSE_CODES: ReadonlyMap<number, number> = new Map([
  [400, 4400],
  [401, 4001],
  [403, 4003],
  [429, 4009],
  [503, 1012],
]);
const ABNORMAL_CLOSURE = 1006;

/** Open an event stream. */
export function openSseTransport(
  { fetch }: Pick<Environment, "fetch">,
  request: TransportRequest,
  handlers: TransportHandlers,
): Transport {
  const abort = new AbortController();
  const { signal } = abort;
  const whileOpen: TransportHandlers = {
    onOpen: () => {
      if (!signal.aborted) handlers.onOpen();
    },
    onFrame: (text) => {
      if (!signal.aborted) handlers.onFrame(text);
    },
    onClose: (...details) => {
      if (!signal.aborted) {
        abort.abort();
        handlers.onClose(...details);
      }
    },
  };
  readStream(fetch, request, signal, whileOpen).catch((thrown: unknown) => {
    whileOpen.onClose(ABNORMAL_CLOSURE, toError(thrown).message, null);
  });
  return {
    send: () => undefined,
    close: () => {
      abort.abort();
    },
  };
}

async function readStream(
  fetchStream: typeof fetch,
  { url, token }: TransportRequest,
  signal: AbortSignal,
  handlers: TransportHandlers,
): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
  const response = await fetchStream(url, { headers, signal, cache: "no-store" });
  if (!response.ok || response.body === null) {
    const code = CLOSE_CODES.get(response.status) ?? ABNORMAL_CLOSURE;
    handlers.onClose(code, `HTTP ${String(response.status)}`, retryAfterMs(response.headers));
    return;
  }
  handlers.onOpen();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parse = createSseParser();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (const { event, data } of parse(decoder.decode(part.value, { stream: true }))) {
      if (event === "close") {
        const close = JSON.parse(data) as { code: number; reason?: string; retry_after_ms?: number | null };
        handlers.onClose(close.code, close.reason ?? "", close.retry_after_ms ?? null);
        return;
      }
      handlers.onFrame(data);
    }
  }
  handlers.onClose(ABNORMAL_CLOSURE, "the stream ended", null);
}

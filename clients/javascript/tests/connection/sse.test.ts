import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSseParser } from "../../src/connection/sse-parser.js";
import { openSseTransport } from "../../src/connection/sse.js";
import { FakeBrowser } from "../support/fake-browser.js";

const STREAM =
  ': the log is being read\r\nretry: 2000\r\n\r\nevent: hello\nid: e-1\ndata: {"a":\ndata:1}\n\n: beat\revent: heartbeat\rdata:  two\r\r';

describe("an event stream", () => {
  test("is parsed wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const places = [0, ...cuts.sort((one, other) => one - other), STREAM.length];
        const parse = createSseParser();
        const pieces = places.slice(1).map((end, index) => STREAM.slice(places[index], end));
        expect([...pieces, "\n"].flatMap((piece) => parse(piece))).toEqual([
          { event: "hello", data: '{"a":\n1}' },
          { event: "heartbeat", data: " two" },
        ]);
      }),
    );
  });

  test.each([
    [401, 4001, null],
    [403, 4003, null],
    [400, 4400, null],
    [429, 4009, 60_000],
    [503, 1012, 60_000],
    [502, 1006, 60_000],
  ])("that is refused with %i closes with %i", async (status, code, retryAfterMs) => {
    expect(
      await closeOf(() => new Response("", { status, headers: status > 403 ? { "Retry-After": "60" } : {} })),
    ).toEqual([code, `HTTP ${String(status)}`, retryAfterMs]);
  });

  test("that just ends counts as a lost connection", async () => {
    expect(await closeOf(() => new Response("event: x\ndata: {}\n\n"))).toEqual([1006, "the stream ended", null]);
  });

  test("that the server closes reports its close code, like a WebSocket", async () => {
    expect(await closeOf(() => new Response('event: close\ndata: {"code":4001,"reason":"expired"}\n\n'))).toEqual([
      4001,
      "expired",
      null,
    ]);
  });
});

async function closeOf(respond: () => Response): Promise<unknown[]> {
  const browser = new FakeBrowser();
  browser.respond = respond;
  return new Promise((resolve) => {
    openSseTransport(
      browser.environment,
      { url: "http://inbox.test/sse/42", token: "t" },
      {
        onOpen: () => undefined,
        onFrame: () => undefined,
        onClose: (...details) => {
          resolve(details);
        },
      },
    );
  });
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventParser, eventStreamTransport } from "../../src/connection/sse.js";
import { World } from "../support/fake-browser.js";

const STREAM =
  ': the log is being read\r\nretry: 2000\r\n\r\nevent: hello\nid: e-1\ndata: {"a":\ndata:1}\n\n: beat\revent: heartbeat\rdata:  two\r\r';

describe("a stream of events", () => {
  test("is understood wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
        const places = [0, ...cuts.sort((one, other) => one - other), STREAM.length];
        const parse = eventParser();
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
  ])("that is refused with %i ends as %i", async (status, code, retryAfterMs) => {
    expect(
      await closing(() => new Response("", { status, headers: status > 403 ? { "Retry-After": "60" } : {} })),
    ).toEqual([code, `HTTP ${String(status)}`, retryAfterMs]);
  });

  test("that just ends is a lost connection", async () => {
    expect(await closing(() => new Response("event: x\ndata: {}\n\n"))).toEqual([1006, "the stream ended", null]);
  });

  test("that the server closes says so as a WebSocket does", async () => {
    expect(await closing(() => new Response('event: close\ndata: {"code":4001,"reason":"expired"}\n\n'))).toEqual([
      4001,
      "expired",
      null,
    ]);
  });
});

async function closing(answer: () => Response): Promise<unknown[]> {
  const world = new World();
  world.answer = answer;
  return new Promise((resolve) => {
    eventStreamTransport(
      world.environment,
      { url: "http://inbox.test/sse/42", token: "t" },
      {
        opened: () => undefined,
        frame: () => undefined,
        closed: (...said) => {
          resolve(said);
        },
      },
    );
  });
}

/** Client frames are rate limited: the gateway closes connections above 20 frames per second with a burst of 100. */

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { ClientFrame } from "../../src/protocol/types.js";
import { problemResponse } from "../support/fake-browser.js";
import { conversation, newMessage } from "../support/objects.js";
import { ClientHarness } from "../support/client-harness.js";

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

function sentFrames(from: ClientHarness): ClientFrame[] {
  return from.sockets.flatMap(({ sent }) => sent).map((text) => JSON.parse(text) as ClientFrame);
}

function marks(from: ClientHarness): number[] {
  return sentFrames(from).flatMap((frame) => (frame.type === "read" ? [frame.up_to_seq] : []));
}

describe("read marks of one conversation", () => {
  test("are sent at once after a pause, then only the highest after an interval", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    client.markRead("c1", 3);
    client.markRead("c1", 2);
    expect(marks(harness)).toEqual([1]);

    await harness.advance(300);
    expect(marks(harness)).toEqual([1, 3]);
    await harness.advance(300);
    client.markRead("c1", 4);
    expect(marks(harness)).toEqual([1, 3, 4]);
  });

  test("are few however fast somebody scrolls, and the last one is the highest", async () => {
    const client = await harness.liveClient();
    for (let id = 1; id <= 266; id += 1) {
      client.markRead("c1", id);
      await harness.advance(5_000 / 266);
    }
    await harness.advance(1_000);

    expect(marks(harness).length).toBeLessThanOrEqual(20);
    expect(marks(harness).at(-1)).toBe(266);
  });

  test("keep their interval even if the server confirms each", async () => {
    const client = await harness.liveClient();
    for (let id = 1; id <= 60; id += 1) {
      harness.socket.serverSends(newMessage(id * 2));
      client.markRead("c1", id * 2);
      const read = conversation("c1", { unread_count: 0, last_seq: id * 2 + 1 });
      harness.socket.serverSends({ type: "conversation_updated", seq: id * 2 + 1, data: { conversation: read } });
      await harness.advance(20);
    }

    expect(client.getState().position).toBe(121);
    expect(marks(harness).length).toBeLessThanOrEqual(5);
  });

  test.each(["hidden", "frozen"] as const)("are sent at once when the page is %s", async (what) => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    client.markRead("c1", 2);
    harness.emit(what);

    expect(marks(harness)).toEqual([1, 2]);
  });

  test("are sent at once when the client stops, and leave no timer", async () => {
    const client = await harness.liveClient();
    client.markRead("c1", 1);
    client.markRead("c1", 2);
    client.stop();
    await harness.advance(100);

    expect(marks(harness)).toEqual([1, 2]);
    expect(harness.timers).toBe(0);
  });
});

test("the last viewed conversation is sent, however fast it changes", async () => {
  const client = await harness.liveClient();
  for (let index = 0; index < 200; index += 1) {
    client.viewing(`c${String(index)}`);
    await harness.advance(10);
  }
  await harness.advance(1_000);

  expect(sentFrames(harness).length).toBeLessThanOrEqual(70);
  expect(sentFrames(harness).at(-1)).toEqual({ type: "viewing", conversation_id: "c199" });
});

/** Half of what the gateway allows. */
class GatewayLimit {
  #left = 50;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  allows(frames: number, now: number): boolean {
    this.#left = Math.min(50, this.#left + ((now - this.#at) / 1_000) * 10) - frames;
    this.#at = now;
    return this.#left >= 0;
  }
}

const step = fc.record({
  what: fc.constantFrom("read", "read", "typing", "viewing", "hidden"),
  conversations: fc.integer({ min: 1, max: 60 }),
  ms: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(1_000)),
});

test("frames stay below half of the gateway's limit, and the highest mark of every conversation is sent", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const harness = new ClientHarness();
      const client = await harness.liveClient();
      const limit = new GatewayLimit(harness.time);
      const { socket } = harness;
      const send = socket.send.bind(socket);
      socket.send = (text) => {
        expect(limit.allows(1, harness.time)).toBe(true);
        send(text);
      };
      const greatest = new Map<string, number>();
      for (const [turn, { what, conversations, ms }] of steps.entries()) {
        for (let index = 0; index < conversations; index += 1) {
          const id = `c${String(index)}`;
          if (what === "read") {
            client.markRead(id, turn + 1);
            greatest.set(id, turn + 1);
          } else if (what === "hidden") {
            harness.emit("hidden");
          } else {
            client[what](id);
          }
        }
        await harness.advance(ms);
      }
      await harness.advance(15_000);
      const last = new Map(
        sentFrames(harness).flatMap((frame) =>
          frame.type === "read" ? [[frame.conversation_id, frame.up_to_seq]] : [],
        ),
      );
      expect(last).toEqual(greatest);
      client.stop();
    }),
    { numRuns: 25 },
  );
});

describe("over REST", () => {
  /** Return a connecting client, and the bodies of its POST requests. */
  async function connecting(): Promise<{
    client: Awaited<ReturnType<ClientHarness["liveClient"]>>;
    posts: () => Promise<unknown[]>;
  }> {
    const client = harness.createClient();
    client.start();
    await harness.settle();
    const posts = (): Promise<unknown[]> =>
      Promise.all(harness.requests.filter(({ method }) => method === "POST").map((request) => request.clone().json()));
    return { client, posts };
  }

  test("the highest mark is sent after the response to the one before", async () => {
    const { client, posts } = await connecting();
    harness.respond = ({ method }) => (method === "POST" ? harness.listResponse(conversation("c1")) : undefined);
    client.markRead("c1", 1);
    client.markRead("c1", 2);
    client.markRead("c1", 3);
    await harness.advance(1_000);

    expect(await posts()).toEqual([{ up_to_seq: 1 }, { up_to_seq: 3 }]);
  });

  test("a mark that fails is retried after Retry-After, at most a minute later", async () => {
    const { client, posts } = await connecting();
    harness.socket.serverAccepts(); // without a hello: it keeps connecting for a minute
    await harness.settle();
    let retryAfter = "10";
    harness.respond = ({ method }) =>
      method === "POST" ? problemResponse(503, { "Retry-After": retryAfter }) : undefined;
    client.markRead("c1", 1);
    await harness.advance(9_900);
    expect(await posts()).toHaveLength(1);
    retryAfter = "600";
    await harness.advance(200);
    expect(await posts()).toHaveLength(2);
    await harness.advance(60_000);
    expect(await posts()).toHaveLength(3);
    client.stop();
  });
});

/** How often a client speaks: a gateway closes whoever sends more than 20 frames a second, beyond 100 at once. */

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { ClientFrame } from "../../src/protocol/types.js";
import { conversation, newMessage, refusal } from "../support/fake-browser.js";
import { ClientWorld } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
});

function said(from: ClientWorld): ClientFrame[] {
  return from.sockets.flatMap(({ sent }) => sent).map((text) => JSON.parse(text) as ClientFrame);
}

function marks(from: ClientWorld): number[] {
  return said(from).flatMap((frame) => (frame.type === "read" ? [frame.up_to_seq] : []));
}

describe("marks of one conversation", () => {
  test("are said at once where it was quiet, and the greatest of those that follow a moment later", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    made.markRead("c1", 3);
    made.markRead("c1", 2);
    expect(marks(world)).toEqual([1]);

    await world.passes(300);
    expect(marks(world)).toEqual([1, 3]);
    await world.passes(300);
    made.markRead("c1", 4);
    expect(marks(world)).toEqual([1, 3, 4]);
  });

  test("are few however fast somebody reads, and the last one is the greatest", async () => {
    const made = await world.live();
    for (let id = 1; id <= 266; id += 1) {
      made.markRead("c1", id);
      await world.passes(5_000 / 266);
    }
    await world.passes(1_000);

    expect(marks(world).length).toBeLessThanOrEqual(20);
    expect(marks(world).at(-1)).toBe(266);
  });

  test("stay apart where the server answers each of them", async () => {
    const made = await world.live();
    for (let id = 1; id <= 60; id += 1) {
      world.socket.says(newMessage(id * 2));
      made.markRead("c1", id * 2);
      const read = conversation("c1", { unread_count: 0, last_seq: id * 2 + 1 });
      world.socket.says({ type: "conversation_updated", seq: id * 2 + 1, data: { conversation: read } });
      await world.passes(20);
    }

    expect(made.getState().position).toBe(121);
    expect(marks(world).length).toBeLessThanOrEqual(5);
  });

  test.each(["hidden", "frozen"] as const)("do not wait where the page is %s", async (what) => {
    const made = await world.live();
    made.markRead("c1", 1);
    made.markRead("c1", 2);
    world.happens(what);

    expect(marks(world)).toEqual([1, 2]);
  });

  test("do not wait where the client is stopped, and leave no timer", async () => {
    const made = await world.live();
    made.markRead("c1", 1);
    made.markRead("c1", 2);
    made.stop();
    await world.passes(100);

    expect(marks(world)).toEqual([1, 2]);
    expect(world.timers).toBe(0);
  });
});

test("what is on the screen is told as it is now, however fast that changes", async () => {
  const made = await world.live();
  for (let index = 0; index < 200; index += 1) {
    made.viewing(`c${String(index)}`);
    await world.passes(10);
  }
  await world.passes(1_000);

  expect(said(world).length).toBeLessThanOrEqual(70);
  expect(said(world).at(-1)).toEqual({ type: "viewing", conversation_id: "c199" });
});

/** What a gateway allows, and half of that. */
class Allowance {
  #left = 50;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  takes(frames: number, now: number): boolean {
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

test("whatever is said, it is less than half of what a gateway allows, and each conversation's greatest mark is said", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const own = new ClientWorld();
      const made = await own.live();
      const allowance = new Allowance(own.time);
      const { socket } = own;
      const send = socket.send.bind(socket);
      socket.send = (text) => {
        expect(allowance.takes(1, own.time)).toBe(true);
        send(text);
      };
      const greatest = new Map<string, number>();
      for (const [turn, { what, conversations, ms }] of steps.entries()) {
        for (let index = 0; index < conversations; index += 1) {
          const id = `c${String(index)}`;
          if (what === "read") {
            made.markRead(id, turn + 1);
            greatest.set(id, turn + 1);
          } else if (what === "hidden") {
            own.happens("hidden");
          } else {
            made[what](id);
          }
        }
        await own.passes(ms);
      }
      await own.passes(15_000);
      const last = new Map(
        said(own).flatMap((frame) => (frame.type === "read" ? [[frame.conversation_id, frame.up_to_seq]] : [])),
      );
      expect(last).toEqual(greatest);
      made.stop();
    }),
    { numRuns: 25 },
  );
});

describe("over REST", () => {
  /** A client that is connecting, and what was posted. */
  async function connecting(): Promise<{
    made: Awaited<ReturnType<ClientWorld["live"]>>;
    posts: () => Promise<unknown[]>;
  }> {
    const made = world.client();
    made.start();
    await world.settles();
    const posts = (): Promise<unknown[]> =>
      Promise.all(world.requests.filter(({ method }) => method === "POST").map((request) => request.clone().json()));
    return { made, posts };
  }

  test("the greatest mark is posted when the one under way was answered", async () => {
    const { made, posts } = await connecting();
    world.answer = ({ method }) => (method === "POST" ? world.list(conversation("c1")) : undefined);
    made.markRead("c1", 1);
    made.markRead("c1", 2);
    made.markRead("c1", 3);
    await world.passes(1_000);

    expect(await posts()).toEqual([{ up_to_seq: 1 }, { up_to_seq: 3 }]);
  });

  test("a mark that could not be taken is posted again when the server wants it, a minute later at the latest", async () => {
    const { made, posts } = await connecting();
    world.socket.open(); // and no hello: it is connecting for a minute
    await world.settles();
    let wanted = "10";
    world.answer = ({ method }) => (method === "POST" ? refusal(503, { "Retry-After": wanted }) : undefined);
    made.markRead("c1", 1);
    await world.passes(9_900);
    expect(await posts()).toHaveLength(1);
    wanted = "600";
    await world.passes(200);
    expect(await posts()).toHaveLength(2);
    await world.passes(60_000);
    expect(await posts()).toHaveLength(3);
    made.stop();
  });
});

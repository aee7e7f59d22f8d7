import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextCursor } from "../src/rest/http-client.js";
import { Emitter } from "../src/runtime/emitter.js";
import { emptyIdMap } from "../src/state/id-map.js";
import { compareInstants } from "../src/protocol/timestamps.js";
import { retryAfterMs } from "../src/protocol/retry-after.js";
import { expiryOf, Tokens } from "../src/runtime/token-cache.js";
import { tokenUntil } from "./support/fake-browser.js";

test("moments sort by time and not as text", () => {
  const sorted = [
    null,
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.000001Z",
    "2026-11-22T10:00:00.5Z",
    "2026-11-22T10:00:00.500001Z",
    "2026-11-22T10:00:01Z",
  ];
  expect([...sorted].reverse().sort(compareInstants)).toEqual(sorted);
  expect(compareInstants("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z")).toBe(0);
  expect(compareInstants("2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00Z")).toBe(0);
});

test("a map is what a Map would be, and earlier ones stay as they were", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 1 }), fc.option(fc.nat()))), (entries) => {
      const expected = new Map<string, number>();
      let map = emptyIdMap<number>();
      for (const [id, value] of entries) {
        const size = map.size;
        const known = map.get(id);
        const next = value === null ? map.without(id) : map.with(id, value);
        if (value === null) expected.delete(id);
        else expected.set(id, value);
        expect(map.get(id)).toBe(known);
        expect(map.size).toBe(size);
        map = next;
      }
      expect(map.size).toBe(expected.size);
      expect([...map.values()].sort()).toEqual([...expected.values()].sort());
      for (const [id, value] of expected) expect(map.get(id)).toBe(value);
    }),
  );
});

test.each([
  [null, null],
  ['</api/conversations?limit=2&cursor=a%2Fb%3D>; rel="next"', "a/b="],
  ["<https://x.test/api?cursor=c>; rel=next", "c"],
  ['<https://x.test/api?cursor=c>; rel="prev"', null],
  ['</p?cursor=p>; rel="prev", </n?cursor=n>; rel="next"', "n"],
])("the next page of %s is at %s", (link, cursor) => {
  expect(nextCursor(link)).toBe(cursor);
});

describe("tokens", () => {
  test("say when they end, where they do", () => {
    expect(expiryOf(tokenUntil(1_800_000_000_000))).toBe(1_800_000_000_000);
    expect([expiryOf("opaque"), expiryOf("a.b.c"), expiryOf("a.e30.c")]).toEqual([null, null, null]);
  });

  test("are asked for once at a time, and kept while they are good", async () => {
    let now = 0;
    const asked: string[] = [];
    const tokens = new Tokens(
      (reason) => Promise.resolve(tokenUntil(now + 60_000, String(asked.push(reason)))),
      "42",
      () => now,
    );

    const [one, other] = await Promise.all([tokens.current(), tokens.current()]);
    expect(one).toBe(other);
    expect(await tokens.replace("an older one", "refused")).toBe(one);
    now = 56_000;
    await tokens.current();
    expect(asked).toEqual(["start", "expiring"]);
    await Promise.all([tokens.replace((await tokens.current()) ?? "", "refused"), tokens.current()]);
    expect(asked).toEqual(["start", "expiring", "refused"]);
  });

  test("that come too late do not take the place of the newer ones", async () => {
    let now = 0;
    let giveLate: (token: string) => void = () => undefined;
    const answers = [
      new Promise<string>((resolve) => {
        giveLate = resolve;
      }),
      Promise.resolve("newer"),
    ];
    const tokens = new Tokens(
      () => answers.shift() ?? null,
      "42",
      () => now,
    );
    const late = tokens.current();
    now = 30_000;
    expect(await tokens.current()).toBe("newer");

    giveLate("late");
    expect(await late).toBe("late");
    expect(await tokens.current()).toBe("newer");
  });

  test("that seem over as they come are used until they are refused: the clocks differ", async () => {
    let asked = 0;
    const tokens = new Tokens(
      () => tokenUntil(1_000 + (asked += 1)),
      "42",
      () => 3_600_000,
    );

    const first = await tokens.current();
    expect(await tokens.current()).toBe(first);
    expect(tokens.expiresAt).toBeNull();
    expect(await tokens.replace(first ?? "", "refused")).not.toBe(first);
  });

  test.each(["", " \n", null, undefined])("that are %j are none", async (said) => {
    expect(
      await new Tokens(
        () => said,
        "42",
        () => 0,
      ).current(),
    ).toBeNull();
  });

  test("are taken without the space around them", async () => {
    expect(
      await new Tokens(
        () => "t\n",
        "42",
        () => 0,
      ).current(),
    ).toBe("t");
  });

  test("that never come are asked for again", async () => {
    let now = 0;
    const asked: string[] = [];
    const tokens = new Tokens(
      (reason) => (asked.push(reason) === 1 ? new Promise(() => undefined) : "t"),
      "42",
      () => now,
    );

    void tokens.current();
    now = 30_000;
    expect(await tokens.current()).toBe("t");
  });
});

test.each([
  ["60", 60_000],
  ["0", 0],
  ["-5", null],
  ["", null],
  ["Wed, 21 Oct 2026 07:28:00 GMT", null],
])("Retry-After: %s is a wait of %s ms", (said, milliseconds) => {
  expect(retryAfterMs(new Headers({ "Retry-After": said }))).toBe(milliseconds);
});

describe("listeners", () => {
  test("hear on where another one throws, and its error is not lost", async () => {
    const emitter = new Emitter<{ readonly said: string }>();
    const heard: string[] = [];
    const uncaught = new Promise((resolve) => {
      const others = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (error) => {
        others.forEach((other) => process.on("uncaughtException", other));
        resolve(error);
      });
    });
    emitter.on("said", () => {
      throw new Error("a bug of theirs");
    });
    emitter.on("said", (what) => heard.push(what));

    emitter.emit("said", "word");
    expect(heard).toEqual(["word"]);
    expect(await uncaught).toEqual(new Error("a bug of theirs"));
  });

  test("are not called any more once they have ended it, also by another one just now", () => {
    const emitter = new Emitter<{ readonly said: string }>();
    const heard: string[] = [];
    emitter.on("said", () => {
      end();
    });
    const end = emitter.on("said", (what) => heard.push(what));

    emitter.emit("said", "word");
    expect(heard).toEqual([]);
  });
});

import { describe, expect, test } from "vitest";
import { TokenCache, tokenExpiry } from "../../src/runtime/token-cache.js";
import { tokenUntil } from "../support/objects.js";

describe("tokens", () => {
  test("have an expiry if they are JWTs with one", () => {
    expect(tokenExpiry(tokenUntil(1_800_000_000_000))).toBe(1_800_000_000_000);
    expect([tokenExpiry("opaque"), tokenExpiry("a.b.c"), tokenExpiry("a.e30.c")]).toEqual([null, null, null]);
  });

  test("are requested once at a time, and kept while valid", async () => {
    let now = 0;
    const reasons: string[] = [];
    const tokens = new TokenCache(
      (reason) => Promise.resolve(tokenUntil(now + 60_000, String(reasons.push(reason)))),
      "42",
      () => now,
    );

    const [one, other] = await Promise.all([tokens.current(), tokens.current()]);
    expect(one).toBe(other);
    expect(await tokens.replace("an older one", "refused")).toBe(one);
    now = 56_000;
    await tokens.current();
    expect(reasons).toEqual(["start", "expiring"]);
    await Promise.all([tokens.replace((await tokens.current()) ?? "", "refused"), tokens.current()]);
    expect(reasons).toEqual(["start", "expiring", "refused"]);
  });

  test("that arrive late do not replace newer ones", async () => {
    let now = 0;
    let resolveLate: (token: string) => void = () => undefined;
    const responses = [
      new Promise<string>((resolve) => {
        resolveLate = resolve;
      }),
      Promise.resolve("newer"),
    ];
    const tokens = new TokenCache(
      () => responses.shift() ?? null,
      "42",
      () => now,
    );
    const late = tokens.current();
    now = 30_000;
    expect(await tokens.current()).toBe("newer");

    resolveLate("late");
    expect(await late).toBe("late");
    expect(await tokens.current()).toBe("newer");
  });

  test("that look expired when new are used until refused: the clocks differ", async () => {
    let requests = 0;
    const tokens = new TokenCache(
      () => tokenUntil(1_000 + (requests += 1)),
      "42",
      () => 3_600_000,
    );

    const first = await tokens.current();
    expect(await tokens.current()).toBe(first);
    expect(tokens.expiresAt).toBeNull();
    expect(await tokens.replace(first ?? "", "refused")).not.toBe(first);
  });

  test.each(["", " \n", null, undefined])("that are %j mean signed out", async (token) => {
    expect(
      await new TokenCache(
        () => token,
        "42",
        () => 0,
      ).current(),
    ).toBeNull();
  });

  test("are trimmed", async () => {
    expect(
      await new TokenCache(
        () => "t\n",
        "42",
        () => 0,
      ).current(),
    ).toBe("t");
  });

  test("that never arrive are requested again", async () => {
    let now = 0;
    const reasons: string[] = [];
    const tokens = new TokenCache(
      (reason) => (reasons.push(reason) === 1 ? new Promise(() => undefined) : "t"),
      "42",
      () => now,
    );

    void tokens.current();
    now = 30_000;
    expect(await tokens.current()).toBe("t");
  });
});

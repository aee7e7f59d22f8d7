import { describe, expect, test } from "vitest";

import { mediaFailure, isFetchedById, isSafeToOpen, loadLabel, downloadName } from "../src/core/media";
import { type MediaKey, MediaCache } from "../src/core/mediaCache";
import { attachment } from "./messages";

const key = (messageId: number): MediaKey => ({ conversationId: "c", messageId, index: 0 });
const never = new AbortController().signal;

describe("which media are fetched by id", () => {
  test.each(["image", "sticker", "video", "audio", "document"])(
    "WhatsApp's %s is, even if it has a URL, which needs a token",
    (type) => {
      expect(isFetchedById({ platform: "whatsapp" }, attachment(type, { media_id: "7" }))).toBe(true);
      expect(
        isFetchedById(
          { platform: "whatsapp" },
          attachment(type, { media_id: "7", url: "https://lookaside.fbsbx.com/x" }),
        ),
      ).toBe(true);
      expect(isFetchedById({ platform: "whatsapp" }, attachment(type))).toBe(false);
    },
  );
  test("attachments with a public URL, or without a file, are not", () => {
    expect(isFetchedById({ platform: "facebook" }, attachment("image", { media_id: "7" }))).toBe(false);
    expect(isFetchedById({ platform: "whatsapp" }, attachment("location", { media_id: "7" }))).toBe(false);
  });
});

describe("labels", () => {
  test("the button names the content, and its size if known", () => {
    expect(loadLabel(attachment("audio", { details: { voice: true }, size: 12_044 }), "en-GB")).toBe(
      "Load voice message, 12 kB",
    );
    expect(loadLabel(attachment("video"), "en-GB")).toBe("Load video");
    expect(loadLabel(attachment("document", { title: "menu.pdf" }), "en-GB")).toBe("Load file");
  });
  test.each([
    ["order.pdf", "order.pdf"],
    ["../../etc/passwd", "_.._etc_passwd"],
    ["invoice\u202Efdp.exe", "invoicefdp.exe"],
    ["a\u0000b\n.pdf", "ab.pdf"],
    [" . ", "document"],
    [null, "document"],
  ])("%j is saved as %j", (title, name) => {
    expect(downloadName(attachment("document", { title }))).toBe(name);
  });
  test.each([
    ["image/png", true],
    ["image/jpeg", true],
    ["image/svg+xml", false],
    ["text/html", false],
    ["image/png;x=<svg>", false],
    ["", false],
  ])("%j is safe to open: %j", (type, may) => {
    expect(isSafeToOpen(type)).toBe(may);
  });
  test("permanent failures cannot be retried, all others can", () => {
    const problem = (name: string) => Object.assign(new Error("x"), { type: `urn:switchboard:problem:${name}` });
    expect(mediaFailure(problem("media-gone"))).toEqual({
      reason: "The platform no longer has this file",
      canRetry: false,
    });
    expect(mediaFailure(problem("account-needs-reauthorization")).canRetry).toBe(true);
    for (const other of [problem("unavailable"), problem("toString"), new TypeError("offline"), "odd"]) {
      expect(mediaFailure(other)).toEqual({ reason: "Could not load", canRetry: true });
    }
  });
});

describe("the media cache", () => {
  function countingCache(size: number, maxBytes: number) {
    const fetched: number[] = [];
    const cache = new MediaCache((key) => {
      fetched.push(key.messageId);
      return Promise.resolve(new Blob([new Uint8Array(size)]));
    }, maxBytes);
    return { fetched, cache };
  }

  test("does not fetch twice, and evicts the least recently used", async () => {
    const { fetched, cache } = countingCache(100, 300);
    for (const id of [1, 2, 3, 1, 4, 1, 2]) await cache.load(key(id), never);
    expect(fetched).toEqual([1, 2, 3, 4, 2]);
  });

  test("does not keep a blob that would evict everything else", async () => {
    const { fetched, cache } = countingCache(200, 300);
    await cache.load(key(1), never);
    await cache.load(key(1), never);
    expect(fetched).toEqual([1, 1]);
  });

  test("fetches a few at a time, and skips aborted requests", async () => {
    const open: (() => void)[] = [];
    const fetched: number[] = [];
    const cache = new MediaCache((key) => {
      fetched.push(key.messageId);
      return new Promise((resolve) => open.push(() => resolve(new Blob())));
    }, 300);
    const gone = new AbortController();
    const loads = [1, 2, 3].map((id) => cache.load(key(id), never));
    const dropped = cache.load(key(4), gone.signal);
    const last = cache.load(key(5), never);
    gone.abort();
    await expect.poll(() => fetched).toEqual([1, 2, 3]);
    open[0]?.();
    await loads[0];
    await expect(dropped).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => fetched).toEqual([1, 2, 3, 5]);
    for (const finish of open) finish();
    await Promise.all([...loads, last]);
  });

  test("does not keep a failure", async () => {
    let fails = true;
    const cache = new MediaCache(
      () => (fails ? Promise.reject(new Error("away")) : Promise.resolve(new Blob(["x"]))),
      300,
    );
    for (let turn = 0; turn < 5; turn += 1) await expect(cache.load(key(1), never)).rejects.toThrow("away");
    fails = false;
    expect((await cache.load(key(1), never)).size).toBe(1);
  });
});

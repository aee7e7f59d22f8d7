import { describe, expect, test } from "vitest";

import { failureOf, isFetchedById, isOpenable, loadText, savedName } from "../src/core/media";
import { type MediaKey, MediaStore } from "../src/core/mediaCache";
import { attachment } from "./messages";

const key = (messageId: number): MediaKey => ({ conversationId: "c", messageId, index: 0 });
const never = new AbortController().signal;

describe("which media are fetched by id", () => {
  test.each(["image", "sticker", "video", "audio", "document"])(
    "WhatsApp's %s is, also where an address is named that wants a token",
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
  test("what has an address of its own, or is no file, is not", () => {
    expect(isFetchedById({ platform: "facebook" }, attachment("image", { media_id: "7" }))).toBe(false);
    expect(isFetchedById({ platform: "whatsapp" }, attachment("location", { media_id: "7" }))).toBe(false);
  });
});

describe("words", () => {
  test("the button says what it loads, and how much where that is known", () => {
    expect(loadText(attachment("audio", { details: { voice: true }, size: 12_044 }), "en-GB")).toBe(
      "Load voice message, 12 kB",
    );
    expect(loadText(attachment("video"), "en-GB")).toBe("Load video");
    expect(loadText(attachment("document", { title: "menu.pdf" }), "en-GB")).toBe("Load file");
  });
  test.each([
    ["order.pdf", "order.pdf"],
    ["../../etc/passwd", "_.._etc_passwd"],
    ["invoice\u202Efdp.exe", "invoicefdp.exe"],
    ["a\u0000b\n.pdf", "ab.pdf"],
    [" . ", "document"],
    [null, "document"],
  ])("%j is saved as %j", (title, name) => {
    expect(savedName(attachment("document", { title }))).toBe(name);
  });
  test.each([
    ["image/png", true],
    ["image/jpeg", true],
    ["image/svg+xml", false],
    ["text/html", false],
    ["image/png;x=<svg>", false],
    ["", false],
  ])("%j may be opened alone: %j", (type, may) => {
    expect(isOpenable(type)).toBe(may);
  });
  test("a reason that stays is no reason to try again, and any other is", () => {
    const problem = (name: string) => Object.assign(new Error("x"), { type: `urn:switchboard:problem:${name}` });
    expect(failureOf(problem("media-gone"))).toEqual({ why: "the platform no longer has it", mayPass: false });
    expect(failureOf(problem("account-needs-reauthorization")).mayPass).toBe(true);
    for (const other of [problem("unavailable"), problem("toString"), new TypeError("offline"), "odd"]) {
      expect(failureOf(other)).toEqual({ why: "could not be loaded", mayPass: true });
    }
  });
});

describe("what has been fetched", () => {
  function counted(size: number, maxBytes: number) {
    const asked: number[] = [];
    const store = new MediaStore((wanted) => {
      asked.push(wanted.messageId);
      return Promise.resolve(new Blob([new Uint8Array(size)]));
    }, maxBytes);
    return { asked, store };
  }

  test("is not fetched again, and the least recently used goes first", async () => {
    const { asked, store } = counted(100, 300);
    for (const id of [1, 2, 3, 1, 4, 1, 2]) await store.load(key(id), never);
    expect(asked).toEqual([1, 2, 3, 4, 2]);
  });

  test("is not held when it would push out everything else", async () => {
    const { asked, store } = counted(200, 300);
    await store.load(key(1), never);
    await store.load(key(1), never);
    expect(asked).toEqual([1, 1]);
  });

  test("comes a few at a time, and what nobody waits for any more is passed over", async () => {
    const open: (() => void)[] = [];
    const asked: number[] = [];
    const store = new MediaStore((wanted) => {
      asked.push(wanted.messageId);
      return new Promise((resolve) => open.push(() => resolve(new Blob())));
    }, 300);
    const gone = new AbortController();
    const loads = [1, 2, 3].map((id) => store.load(key(id), never));
    const dropped = store.load(key(4), gone.signal);
    const last = store.load(key(5), never);
    gone.abort();
    await expect.poll(() => asked).toEqual([1, 2, 3]);
    open[0]?.();
    await loads[0];
    await expect(dropped).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => asked).toEqual([1, 2, 3, 5]);
    for (const finish of open) finish();
    await Promise.all([...loads, last]);
  });

  test("a failure is not held", async () => {
    let fails = true;
    const store = new MediaStore(
      () => (fails ? Promise.reject(new Error("away")) : Promise.resolve(new Blob(["x"]))),
      300,
    );
    for (let turn = 0; turn < 5; turn += 1) await expect(store.load(key(1), never)).rejects.toThrow("away");
    fails = false;
    expect((await store.load(key(1), never)).size).toBe(1);
  });
});

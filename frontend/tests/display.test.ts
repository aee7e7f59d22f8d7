import { describe, expect, test } from "vitest";

import { contactCards, templateElements, labelOf, mapUrl, kindOf } from "../src/core/attachments";
import { displayName, initials, colorIndex } from "../src/core/names";
import { previewOf } from "../src/core/preview";
import { scrollAnchorShift, frozenOrder } from "../src/core/listOrder";
import { createTimeFormat, formatSize } from "../src/core/timeFormat";
import { attachment, message } from "./messages";

describe("names", () => {
  const who = (name: string | null, username: string | null) =>
    displayName({ participant_id: "7001", participant_name: name, participant_username: username });
  test("the name is preferred, then the username, then the ID", () => {
    expect(who("Ada Lovelace", "ada")).toBe("Ada Lovelace");
    expect(who(" ", "ada")).toBe("@ada");
    expect(who(null, null)).toBe("7001");
  });
  test.each([
    ["Ada Lovelace", "AL"],
    ["Ada", "A"],
    ["ada lovelace", "AL"],
    ["佐藤さくら", "佐"],
    ["نور الخطيب", "ن"],
    ["🌻 Mia 🇧🇷", "M"],
    ["🇧🇷", "🇧🇷"],
    ["@ada", "a"],
    ["+49 170", "4"],
    ["", "?"],
  ])("%j has the initials %j", (name, letters) => {
    expect(initials(name)).toBe(letters);
  });
  test("an ID always has the same colour", () => {
    expect(colorIndex("7001")).toBe(colorIndex("7001"));
    expect(colorIndex("7001")).toBeLessThan(8);
  });
});

describe("times", () => {
  const timeFormat = createTimeFormat("en-GB", "Europe/Berlin");
  const now = Date.parse("2026-11-22T12:00:00Z");
  test.each([
    ["2026-11-22T11:59:30Z", "now"],
    ["2026-11-22T09:05:00Z", "10:05"],
    ["2026-11-21T23:30:00Z", "00:30"],
    ["2026-11-21T12:00:00Z", "Yesterday"],
    ["2026-11-19T12:00:00Z", "Thu"],
    ["2026-10-03T12:00:00Z", "3 Oct"],
    ["2025-10-03T12:00:00Z", "03/10/2025"],
    ["2026-11-22T12:00:20Z", "now"],
  ])("%s is %s in the list", (iso, text) => {
    expect(timeFormat.short(iso, now)).toBe(text);
  });
  test.each([
    ["2026-11-22T00:00:00Z", "Today"],
    ["2026-11-21T00:00:00Z", "Yesterday"],
    ["2026-11-18T12:00:00Z", "Wednesday"],
    ["2026-03-02T12:00:00Z", "2 March"],
    ["2024-03-02T12:00:00Z", "2 March 2024"],
  ])("the day of %s is %s", (iso, text) => {
    expect(timeFormat.day(iso, now)).toBe(text);
  });
  test("sizes are short", () => {
    expect(formatSize(1_400_000, "en")).toBe("1.4 MB");
    expect(formatSize(12, "en")).toBe("12 bytes");
  });
});

describe("attachments", () => {
  test("the platforms' types have a kind, and unknown types keep their name", () => {
    expect(kindOf({ type: "ig_reel" })).toBe("reel");
    expect(kindOf({ type: "constructor" })).toBe("unsupported");
    expect(labelOf(attachment("new_fancy_thing"))).toBe("Unsupported content (new fancy thing)");
    expect(labelOf(attachment("audio", { details: { voice: true } }))).toBe("Voice message");
  });
  test("details are read defensively", () => {
    expect(
      contactCards(
        attachment("contacts", {
          details: { contacts: [{ name: { formatted_name: "Ada" }, phones: [{ phone: "+1" }, 7, null] }, "x"] },
        }),
      ),
    ).toEqual([
      { name: "Ada", numbers: ["+1"] },
      { name: "Contact", numbers: [] },
    ]);
    expect(contactCards(attachment("contacts", { title: "Ada" }))).toEqual([{ name: "Ada", numbers: [] }]);
    expect(
      templateElements(
        attachment("template", { details: { elements: [{ title: "Tea", subtitle: 7, buttons: [{ title: "Buy" }] }] } }),
      ),
    ).toEqual({
      elements: [{ title: "Tea", subtitle: null, imageUrl: null }],
      buttons: ["Buy"],
    });
    expect(mapUrl(attachment("location", { coordinates: { latitude: 1.5, longitude: -2 } }))).toBe(
      "https://www.openstreetmap.org/?mlat=1.5&mlon=-2#map=15/1.5/-2",
    );
  });
  test("a preview is one line", () => {
    expect(previewOf(message({ content: "a\n b" })).text).toBe("a b");
    expect(previewOf(message({ content: null, attachments: [attachment("image"), attachment("image")] })).text).toBe(
      "📷 Photo +1",
    );
    expect(previewOf(message({ content: "look", attachments: [attachment("video")] })).text).toBe("🎬 look");
    expect(previewOf(message({ content: null, deleted_at: "2026-11-22T10:15:00Z" }))).toEqual({
      text: "Unsent a message",
      isNote: true,
    });
    expect(previewOf(message({ content: null })).text).not.toBe("");
  });
});

describe("a list that changes its order", () => {
  const list = (...ids: string[]) => ids.map((conversation_id) => ({ conversation_id }));
  const before = list("a", "b", "c", "d", "e");
  test("is frozen: new rows wait, removed rows go, the next page appears", () => {
    expect(frozenOrder(list("a", "b", "c"), list("new", "c", "a", "older"))).toEqual(list("a", "c", "older"));
    expect(frozenOrder(list("a", "b", "c"), list("c", "a", "b"))).toEqual(list("a", "b", "c"));
  });
  test("shows current content, even if frozen", () => {
    expect(
      frozenOrder([{ conversation_id: "a", unread_count: 0 }], [{ conversation_id: "a", unread_count: 1 }]),
    ).toEqual([{ conversation_id: "a", unread_count: 1 }]);
  });
  test.each([
    ["one is new", list("new", "a", "b", "c", "d", "e"), 200, 72],
    ["one is new and the list is at its top, where new rows should appear", list("new", "a", "b", "c", "d", "e"), 0, 0],
    ["a row from below moves up", list("d", "a", "b", "c", "e"), 144, 72],
    ["the row at the edge moves to the top, and the next one is the anchor", list("c", "a", "b", "d", "e"), 144, 0],
    ["a row above is removed", list("b", "c", "d", "e"), 144, -72],
    ["the row at the edge is removed, and the next one is the anchor", list("a", "b", "d", "e"), 144, -72],
    ["many are new", list("1", "2", "3", "4", "a", "b", "c", "d", "e"), 144, 288],
    ["all rows are new", list("x", "y"), 144, 0],
  ])("stays in place when %s", (_, after, scrollTop, shift) => {
    expect(scrollAnchorShift(before, after, scrollTop, 72)).toBe(shift);
  });
});

import { describe, expect, test } from "vitest";

import { updateDivider, initialDivider, firstUnreadId } from "../src/core/unreadDivider";
import type { Message } from "../src/model";
import { message } from "./messages";

const at = (id: number, created_at: string, more = {}) =>
  message({ id, message_id: `m_${id.toString()}`, created_at, ...more });
/** Return incoming messages with the `id`s `from` to `to`. */
const range = (from: number, to: number): readonly Message[] =>
  Array.from({ length: to - from + 1 }, (_, index) =>
    at(from + index, `2026-11-22T10:00:00.${(from + index).toString().padStart(3, "0")}Z`),
  );

test("unread messages are counted from the last one by arrival, without unsent and outgoing ones", () => {
  const thread = [
    at(1, "2026-11-22T10:00:00Z"),
    at(9, "2026-11-22T10:01:00Z"), // arrived last, but is older
    at(3, "2026-11-22T10:02:00Z", { direction: "outgoing" }),
    at(4, "2026-11-22T10:03:00Z", { deleted_at: "2026-11-22T10:04:00Z" }),
    at(5, "2026-11-22T10:05:00Z"),
  ];
  expect(firstUnreadId(thread, 0)).toBeNull();
  expect(firstUnreadId(thread, 1)).toBe(9);
  expect(firstUnreadId(thread, 2)).toBe(5);
  expect(firstUnreadId(thread, 3)).toBe(1);
  expect(firstUnreadId(thread, 4)).toBeNull(); // older than the loaded messages
});

describe("more unread messages than are loaded", () => {
  const opened = initialDivider(range(101, 150), 60, true);

  test("have an exact start only after an older page is loaded", () => {
    expect(opened).toMatchObject({ id: 101, isExact: false });
    expect(
      updateDivider(opened, { messages: range(51, 150), unread: 60, hasOlder: true, isLooking: true }),
    ).toMatchObject({ id: 91, isExact: true });
  });

  test("are counted as of when the thread was opened", () => {
    const now = { messages: range(51, 153), unread: 3, hasOlder: true, isLooking: true }; // most were read since, and more arrived
    expect(updateDivider(opened, now)).toMatchObject({ id: 91, isExact: true, newestId: 153 });
  });

  test("start with the oldest message if none is older", () => {
    expect(
      updateDivider(opened, { messages: range(101, 150), unread: 60, hasOlder: false, isLooking: true }),
    ).toMatchObject({ id: 101, isExact: true });
  });
});

describe("messages that arrive in an open thread", () => {
  const opened = initialDivider(range(1, 10), 3, false);
  const away = (to: number, unread: number) => ({ messages: range(1, to), unread, hasOlder: false, isLooking: false });

  test("are new if nobody looked, also several at once", () => {
    expect(opened.id).toBe(8);
    expect(updateDivider(opened, away(12, 2)).id).toBe(11);
    expect(updateDivider(updateDivider(opened, away(11, 1)), away(12, 2)).id).toBe(11);
  });

  test("do not move the divider while older ones are unread", () => {
    expect(updateDivider(opened, away(12, 5)).id).toBe(8);
  });

  test("are not new to somebody who looks at the thread", () => {
    const now = updateDivider(opened, { ...away(12, 2), isLooking: true });
    expect(now).toMatchObject({ id: 8, newestId: 12 });
    expect(updateDivider(now, away(12, 0))).toBe(now);
  });
});

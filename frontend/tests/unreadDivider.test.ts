import { describe, expect, test } from "vitest";

import { firstNewAfter, firstNewOf, firstUnread } from "../src/core/unreadDivider";
import type { Message } from "../src/model";
import { message } from "./messages";

const said = (id: number, created_at: string, more = {}) =>
  message({ id, message_id: `m_${id.toString()}`, created_at, ...more });
/** Incoming messages `from` one `id` up to another. */
const range = (from: number, to: number): readonly Message[] =>
  Array.from({ length: to - from + 1 }, (_, index) =>
    said(from + index, `2026-11-22T10:00:00.${(from + index).toString().padStart(3, "0")}Z`),
  );

test("unread messages are counted from the last one, by arrival, without what was unsent or is ours", () => {
  const thread = [
    said(1, "2026-11-22T10:00:00Z"),
    said(9, "2026-11-22T10:01:00Z"), // came last, was written early
    said(3, "2026-11-22T10:02:00Z", { direction: "outgoing" }),
    said(4, "2026-11-22T10:03:00Z", { deleted_at: "2026-11-22T10:04:00Z" }),
    said(5, "2026-11-22T10:05:00Z"),
  ];
  expect(firstUnread(thread, 0)).toBeNull();
  expect(firstUnread(thread, 1)).toBe(9);
  expect(firstUnread(thread, 2)).toBe(5);
  expect(firstUnread(thread, 3)).toBe(1);
  expect(firstUnread(thread, 4)).toBeNull(); // older than what is loaded
});

describe("more unread messages than are loaded", () => {
  const opened = firstNewOf(range(101, 150), 60, true);

  test("are only found to begin once an older page is there", () => {
    expect(opened).toMatchObject({ id: 101, isFound: false });
    expect(
      firstNewAfter(opened, { messages: range(51, 150), unread: 60, hasOlder: true, isLooking: true }),
    ).toMatchObject({ id: 91, isFound: true });
  });

  test("are counted as they were when the thread was opened", () => {
    const now = { messages: range(51, 153), unread: 3, hasOlder: true, isLooking: true }; // most have been read since, more came
    expect(firstNewAfter(opened, now)).toMatchObject({ id: 91, isFound: true, newestId: 153 });
  });

  test("begin with the oldest one where nothing is older", () => {
    expect(
      firstNewAfter(opened, { messages: range(101, 150), unread: 60, hasOlder: false, isLooking: true }),
    ).toMatchObject({ id: 101, isFound: true });
  });
});

describe("messages that come to an open thread", () => {
  const opened = firstNewOf(range(1, 10), 3, false);
  const away = (to: number, unread: number) => ({ messages: range(1, to), unread, hasOlder: false, isLooking: false });

  test("are new where nobody looked, also several at once", () => {
    expect(opened.id).toBe(8);
    expect(firstNewAfter(opened, away(12, 2)).id).toBe(11);
    expect(firstNewAfter(firstNewAfter(opened, away(11, 1)), away(12, 2)).id).toBe(11);
  });

  test("do not take the line from those that are unread still", () => {
    expect(firstNewAfter(opened, away(12, 5)).id).toBe(8);
  });

  test("are not new to somebody who looks", () => {
    const now = firstNewAfter(opened, { ...away(12, 2), isLooking: true });
    expect(now).toMatchObject({ id: 8, newestId: 12 });
    expect(firstNewAfter(now, away(12, 0))).toBe(now);
  });
});

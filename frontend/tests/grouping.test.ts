import { expect, test } from "vitest";

import { firstUnread, rowsOf } from "../src/core/grouping";
import { clockOf } from "../src/core/times";
import { message } from "./messages";

const clock = clockOf("en", "Europe/Berlin");
const said = (id: number, created_at: string, more = {}) => message({ id, message_id: `m_${id.toString()}`, created_at, ...more });

test("a thread is divided by days of the reader's zone, and by who wrote", () => {
  const rows = rowsOf(
    [
      said(1, "2026-11-21T22:58:00Z"),
      said(2, "2026-11-21T22:59:00Z"),
      said(3, "2026-11-21T23:01:00Z"), // midnight in Berlin lies between
      said(4, "2026-11-21T23:02:00Z", { direction: "outgoing", sender_id: "1001" }),
      said(5, "2026-11-21T23:30:00Z", { direction: "outgoing", sender_id: "1001" }), // the same person after a pause
    ],
    clock,
    null,
  );
  expect(rows.map((row) => (row.type === "message" ? `${row.message.id.toString()}${row.isFirst ? " first" : ""}${row.isLast ? " last" : ""}` : row.type))).toEqual([
    "day", "1 first", "2 last", "day", "3 first last", "4 first last", "5 first last",
  ]);
});

test("new messages begin a group, and keys are never the same twice", () => {
  const rows = rowsOf([said(1, "2026-11-22T10:00:00Z"), said(2, "2026-11-22T10:00:01Z"), said(3, "2026-11-21T10:00:00Z"), said(4, "2026-11-22T10:00:02Z")], clock, 2);
  expect(rows.map((row) => row.type)).toEqual(["day", "message", "new", "message", "day", "message", "day", "message"]);
  expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
});

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

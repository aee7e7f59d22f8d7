import { expect, test } from "vitest";

import { rowLayout } from "../src/core/grouping";
import { createTimeFormat } from "../src/core/timeFormat";
import type { Message } from "../src/model";
import { message } from "./messages";

const timeFormat = createTimeFormat("en", "Europe/Berlin");
const at = (id: number, created_at: string, more = {}) =>
  message({ id, message_id: `m_${id.toString()}`, created_at, ...more });

/** Describe the rows: what is above a message, its ID, whether it starts or ends a group. */
function describeRows(messages: readonly Message[], firstUnreadId: number | null): string[] {
  return messages.flatMap((message, index) => {
    const row = rowLayout(messages[index - 1] ?? null, message, messages[index + 1] ?? null, timeFormat, firstUnreadId);
    return [
      ...(row.startsDay ? ["day"] : []),
      ...(row.startsUnread ? ["new"] : []),
      `${message.id.toString()}${row.startsGroup ? " first" : ""}${row.endsGroup ? " last" : ""}`,
    ];
  });
}

test("a thread is divided by days in the reader's time zone, and by sender", () => {
  const thread = [
    at(1, "2026-11-21T22:58:00Z"),
    at(2, "2026-11-21T22:59:00Z"),
    at(3, "2026-11-21T23:01:00Z"), // after midnight in Berlin
    at(4, "2026-11-21T23:02:00Z", { direction: "outgoing", sender_id: "1001" }),
    at(5, "2026-11-21T23:30:00Z", { direction: "outgoing", sender_id: "1001" }), // the same person after a pause
  ];
  expect(describeRows(thread, null)).toEqual([
    "day",
    "1 first",
    "2 last",
    "day",
    "3 first last",
    "4 first last",
    "5 first last",
  ]);
});

test("a message shows its time if the next one differs in time or status", () => {
  const ours = (id: number, second: number, status: Message["status"]) =>
    at(id, `2026-11-22T10:00:0${second.toString()}Z`, { direction: "outgoing", sender_id: "1001", status });
  const thread = [
    ours(1, 1, "read"),
    ours(2, 2, "read"),
    ours(3, 3, "failed"),
    ours(4, 4, "failed"),
    ours(5, 5, "sent"),
  ];
  const timed = thread.filter(
    (one, index) => rowLayout(thread[index - 1] ?? null, one, thread[index + 1] ?? null, timeFormat, null).showsTime,
  );
  expect(timed.map((one) => one.id)).toEqual([2, 3, 4, 5]);
});

test("new messages start a group, and a day that returns is named again", () => {
  const thread = [
    at(1, "2026-11-22T10:00:00Z"),
    at(2, "2026-11-22T10:00:01Z"),
    at(3, "2026-11-21T10:00:00Z"),
    at(4, "2026-11-22T10:00:02Z"),
  ];
  expect(describeRows(thread, 2)).toEqual([
    "day",
    "1 first last",
    "new",
    "2 first last",
    "day",
    "3 first last",
    "day",
    "4 first last",
  ]);
});

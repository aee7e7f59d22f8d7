import { expect, test } from "vitest";

import { rowOf } from "../src/core/grouping";
import { clockOf } from "../src/core/timeFormat";
import type { Message } from "../src/model";
import { message } from "./messages";

const clock = clockOf("en", "Europe/Berlin");
const said = (id: number, created_at: string, more = {}) =>
  message({ id, message_id: `m_${id.toString()}`, created_at, ...more });

/** The rows in words: what stands above a message, the message, whether it begins or ends a group. */
function drawn(messages: readonly Message[], firstNewId: number | null): string[] {
  return messages.flatMap((message, index) => {
    const row = rowOf(messages[index - 1] ?? null, message, messages[index + 1] ?? null, clock, firstNewId);
    return [
      ...(row.isNewDay ? ["day"] : []),
      ...(row.isFirstNew ? ["new"] : []),
      `${message.id.toString()}${row.isFirst ? " first" : ""}${row.isLast ? " last" : ""}`,
    ];
  });
}

test("a thread is divided by days of the reader's zone, and by who wrote", () => {
  const thread = [
    said(1, "2026-11-21T22:58:00Z"),
    said(2, "2026-11-21T22:59:00Z"),
    said(3, "2026-11-21T23:01:00Z"), // midnight in Berlin lies between
    said(4, "2026-11-21T23:02:00Z", { direction: "outgoing", sender_id: "1001" }),
    said(5, "2026-11-21T23:30:00Z", { direction: "outgoing", sender_id: "1001" }), // the same person after a pause
  ];
  expect(drawn(thread, null)).toEqual([
    "day",
    "1 first",
    "2 last",
    "day",
    "3 first last",
    "4 first last",
    "5 first last",
  ]);
});

test("a time stands where the next message has another one, or did not get as far", () => {
  const ours = (id: number, second: number, status: Message["status"]) =>
    said(id, `2026-11-22T10:00:0${second.toString()}Z`, { direction: "outgoing", sender_id: "1001", status });
  const thread = [
    ours(1, 1, "read"),
    ours(2, 2, "read"),
    ours(3, 3, "failed"),
    ours(4, 4, "failed"),
    ours(5, 5, "sent"),
  ];
  const timed = thread.filter(
    (one, index) => rowOf(thread[index - 1] ?? null, one, thread[index + 1] ?? null, clock, null).isTimed,
  );
  expect(timed.map((one) => one.id)).toEqual([2, 3, 4, 5]);
});

test("new messages begin a group, and a day that comes back is named again", () => {
  const thread = [
    said(1, "2026-11-22T10:00:00Z"),
    said(2, "2026-11-22T10:00:01Z"),
    said(3, "2026-11-21T10:00:00Z"),
    said(4, "2026-11-22T10:00:02Z"),
  ];
  expect(drawn(thread, 2)).toEqual([
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

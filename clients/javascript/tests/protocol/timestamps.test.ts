import { expect, test } from "vitest";
import { retryAfterMs } from "../../src/protocol/retry-after.js";
import { compareTimestamps } from "../../src/protocol/timestamps.js";

test("timestamps sort by time, not as strings", () => {
  const sorted = [
    null,
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.000001Z",
    "2026-11-22T10:00:00.5Z",
    "2026-11-22T10:00:00.500001Z",
    "2026-11-22T10:00:01Z",
  ];
  expect([...sorted].reverse().sort(compareTimestamps)).toEqual(sorted);
  expect(compareTimestamps("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z")).toBe(0);
  expect(compareTimestamps("2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00Z")).toBe(0);
});

test.each([
  ["60", 60_000],
  ["0", 0],
  ["-5", null],
  ["", null],
  ["Wed, 21 Oct 2026 07:28:00 GMT", null],
])("Retry-After: %s means %s ms", (value, milliseconds) => {
  expect(retryAfterMs(new Headers({ "Retry-After": value }))).toBe(milliseconds);
});

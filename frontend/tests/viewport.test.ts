import { expect, test } from "vitest";

import { firstOnScreen, seenUpTo } from "../src/core/viewport";

/** Rows of 50 px, one below the other. */
const rows = (...ids: number[]) => ids.map((id, index) => ({ id, start: index * 50, end: (index + 1) * 50 }));

test("what is drawn above the screen or below it has not been seen, however new it is", () => {
  expect(seenUpTo(rows(1, 9, 3, 4, 5), 100, 200)).toBe(4);
  expect(seenUpTo(rows(1, 9, 3, 4, 5), 99, 200)).toBe(9); // a pixel of it shows
  expect(seenUpTo(rows(1, 9, 3, 4, 5), 100, 216)).toBe(4); // the last one only begins to show
  expect(seenUpTo(rows(1, 9, 3, 4, 5), 100, 217)).toBe(5);
  expect(seenUpTo([], 0, 500)).toBe(0);
});

test("what is read is the uppermost message on the screen", () => {
  expect(firstOnScreen(rows(1, 2, 3), 70)).toBe(2);
  expect(firstOnScreen(rows(1, 2, 3), 150)).toBeNull();
});

import { expect, test } from "vitest";

import { firstVisibleId, lastSeenId } from "../src/core/viewport";

/** Return rows of 50 px, one below the other. */
const rows = (...ids: number[]) => ids.map((id, index) => ({ id, start: index * 50, end: (index + 1) * 50 }));

test("rows above or below the screen have not been seen, however new they are", () => {
  expect(lastSeenId(rows(1, 9, 3, 4, 5), 100, 200)).toBe(4);
  expect(lastSeenId(rows(1, 9, 3, 4, 5), 99, 200)).toBe(9); // one pixel is visible
  expect(lastSeenId(rows(1, 9, 3, 4, 5), 100, 216)).toBe(4); // too little of the last one is visible
  expect(lastSeenId(rows(1, 9, 3, 4, 5), 100, 217)).toBe(5);
  expect(lastSeenId([], 0, 500)).toBe(0);
});

test("the first visible message is the topmost on the screen", () => {
  expect(firstVisibleId(rows(1, 2, 3), 70)).toBe(2);
  expect(firstVisibleId(rows(1, 2, 3), 150)).toBeNull();
});

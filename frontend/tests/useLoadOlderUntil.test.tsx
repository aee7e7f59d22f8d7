// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { expect, test } from "vitest";

import { type Pages, useOlderUntil } from "../src/thread/useLoadOlderUntil";

const MOST_PAGES = 20;

/** Ask for pages that are never seen loading, until `enough` have come; return how many were asked for. */
async function asked(goal: unknown, enough: number, hasCome: boolean): Promise<number> {
  let pages = 0;
  const shown: Pages = {
    isLoading: false,
    hasOlder: true,
    error: null,
    onOlder: () => {
      pages += 1;
      return Promise.resolve(hasCome);
    },
  };
  renderHook(() => useOlderUntil(goal, pages >= enough, shown, MOST_PAGES));
  for (let turn = 0; turn < 2 * MOST_PAGES; turn += 1) await act(() => Promise.resolve());
  return pages;
}

test("a page that was never seen loading is followed by the next one, until the goal is there", async () => {
  expect(await asked("a goal", 7, true)).toBe(7);
});

test("no more pages are asked for than are worth it", async () => {
  expect(await asked("a goal", Infinity, true)).toBe(MOST_PAGES);
});

test("what has not come is not asked for again by itself", async () => {
  expect(await asked("a goal", Infinity, false)).toBe(1);
});

test("where nothing is wanted nothing is asked for", async () => {
  expect(await asked(null, Infinity, true)).toBe(0);
});

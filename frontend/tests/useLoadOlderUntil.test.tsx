// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { expect, test } from "vitest";

import { type OlderPages, useLoadOlderUntil } from "../src/thread/useLoadOlderUntil";

const MAX_PAGES = 20;

/** Load pages without ever rendering `isLoading`, until `enough` are loaded; return how many were requested. */
async function requestedPages(goal: unknown, enough: number, hasLoaded: boolean): Promise<number> {
  let pages = 0;
  const shown: OlderPages = {
    isLoading: false,
    hasOlder: true,
    error: null,
    onOlder: () => {
      pages += 1;
      return Promise.resolve(hasLoaded);
    },
  };
  renderHook(() => useLoadOlderUntil(goal, pages >= enough, shown, MAX_PAGES));
  for (let turn = 0; turn < 2 * MAX_PAGES; turn += 1) await act(() => Promise.resolve());
  return pages;
}

test("pages that load between two renderings are followed by the next, until the goal is found", async () => {
  expect(await requestedPages("a goal", 7, true)).toBe(7);
});

test("no more than the maximum is loaded", async () => {
  expect(await requestedPages("a goal", Infinity, true)).toBe(MAX_PAGES);
});

test("a failed page is not requested again", async () => {
  expect(await requestedPages("a goal", Infinity, false)).toBe(1);
});

test("without a goal nothing is loaded", async () => {
  expect(await requestedPages(null, Infinity, true)).toBe(0);
});

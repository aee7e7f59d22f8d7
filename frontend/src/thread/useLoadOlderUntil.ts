import { useEffect, useRef, useState } from "react";

/** The older pages of a thread. */
export type OlderPages = {
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | null;
  /** Load a page; resolves to whether there was one. */
  readonly onOlder: () => Promise<boolean>;
};

/** `failed`: a page could not be loaded; loading continues after a successful retry. */
type Progress = "idle" | "loading" | "failed" | "found" | "notFound";

/**
 * Load older pages, one after another, until a goal is reached; return the progress.
 *
 * @param goal identifies what is searched for: the same object or text while it is; null for nothing
 * @param isFound whether the goal is loaded
 * @param maxPages give up after this many pages
 */
export function useLoadOlderUntil(
  goal: unknown,
  isFound: boolean,
  { isLoading, hasOlder, error, onOlder }: OlderPages,
  maxPages: number,
): Progress {
  const requested = useRef<{ goal: unknown; pages: number }>({ goal: null, pages: 0 });
  const [abandonedGoal, setAbandonedGoal] = useState<unknown>(null);
  const [loadedPages, setLoadedPages] = useState(0);
  const isExhausted = !isLoading && (!hasOlder || abandonedGoal === goal);
  const progress =
    goal === null ? "idle" : isFound ? "found" : error !== null ? "failed" : isExhausted ? "notFound" : "loading";
  const isNextDue = progress === "loading" && !isLoading;
  useEffect(() => {
    if (!isNextDue) return;
    if (requested.current.goal !== goal) requested.current = { goal, pages: 0 };
    if (requested.current.pages >= maxPages) {
      setAbandonedGoal(goal);
    } else {
      requested.current.pages += 1;
      // A page may load so fast that no rendering shows `isLoading`: count loaded pages to run this effect again.
      void onOlder().then((hasLoaded) => {
        if (hasLoaded) setLoadedPages((count) => count + 1);
      });
    }
  }, [isNextDue, loadedPages, goal, maxPages, onOlder]);
  return progress;
}

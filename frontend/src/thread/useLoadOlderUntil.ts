import { useEffect, useRef, useState } from "react";

export type Pages = {
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | null;
  /** Resolves to whether a page has come. */
  readonly onOlder: () => Promise<boolean>;
};

/** `stuck`: a page could not be had, and it goes on once one is there again; `missing`: it was not found. */
type Progress = "idle" | "going" | "stuck" | "reached" | "missing";

/**
 * Load older pages, one after another, until something is there; return how far that is.
 *
 * @param goal what is wanted, the same object or text while it is; null where nothing is
 * @param mostPages how many are asked for before it counts as missing
 */
export function useOlderUntil(
  goal: unknown,
  isHere: boolean,
  { isLoading, hasOlder, error, onOlder }: Pages,
  mostPages: number,
): Progress {
  const asked = useRef<{ goal: unknown; pages: number }>({ goal: null, pages: 0 });
  const [spentGoal, setSpentGoal] = useState<unknown>(null);
  const [pagesCome, setPagesCome] = useState(0);
  const isSpent = !isLoading && (!hasOlder || spentGoal === goal);
  const progress =
    goal === null ? "idle" : isHere ? "reached" : error !== null ? "stuck" : isSpent ? "missing" : "going";
  const isNext = progress === "going" && !isLoading;
  useEffect(() => {
    if (!isNext) return;
    if (asked.current.goal !== goal) asked.current = { goal, pages: 0 };
    if (asked.current.pages >= mostPages) {
      setSpentGoal(goal);
    } else {
      asked.current.pages += 1;
      // A page may come so quickly that it was never seen loading: that it has come says it.
      void onOlder().then((hasCome) => {
        if (hasCome) setPagesCome((count) => count + 1);
      });
    }
  }, [isNext, pagesCome, goal, mostPages, onOlder]);
  return progress;
}

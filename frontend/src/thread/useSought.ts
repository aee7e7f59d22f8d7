import { useEffect, useRef } from "react";

/** How many pages are looked through for a message that a search has found. */
const MAX_PAGES_TO_FIND = 400;

type Sought = {
  readonly soughtId: number | null;
  /** Whether the message is among those that are loaded. */
  readonly isHere: boolean;
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly onOlder: () => void;
  readonly show: (id: number) => void;
};

/** Go to a message that was searched for, loading older pages until it is there. */
export function useSought({ soughtId, isHere, isLoading, hasOlder, onOlder, show }: Sought): void {
  const pages = useRef(0);
  const done = useRef<number | null>(null);
  useEffect(() => {
    if (soughtId === null || done.current === soughtId) return;
    if (isHere) {
      done.current = soughtId;
      pages.current = 0;
      show(soughtId);
    } else if (hasOlder && !isLoading && pages.current < MAX_PAGES_TO_FIND) {
      // In a task of its own: while a page is being handed over, the next one cannot be asked for yet.
      const timer = window.setTimeout(() => {
        pages.current += 1;
        onOlder();
      });
      return () => window.clearTimeout(timer);
    }
    return;
  }, [soughtId, isHere, isLoading, hasOlder, onOlder, show]);
}

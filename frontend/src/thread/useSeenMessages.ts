import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

import { type Drawn, seenUpTo } from "../core/viewport";

/**
 * Tell what was on the screen, by the `id` up to which messages have been seen.
 *
 * @param isSettled whether the screen shows what is being read, and not what is only passed on the way to it
 * @param drawn the rows that are drawn
 */
export function useSeen(
  scrollerRef: RefObject<HTMLDivElement | null>,
  isSettled: () => boolean,
  drawn: () => readonly Drawn[],
  onSeen: (upToId: number) => void,
) {
  const [id, setId] = useState(0);
  const told = useRef(0);
  const look = () => {
    const element = scrollerRef.current;
    if (!element || !isSettled() || document.visibilityState !== "visible" || element.clientHeight === 0) return;
    const seen = seenUpTo(drawn(), element.scrollTop, element.scrollTop + element.clientHeight);
    if (seen <= told.current) return;
    told.current = seen;
    setId(seen);
    onSeen(seen);
  };
  const latest = useRef(look);
  useEffect(() => {
    latest.current = look;
  });
  const lookAgain = useCallback(() => latest.current(), []);
  useEffect(() => {
    document.addEventListener("visibilitychange", lookAgain);
    return () => document.removeEventListener("visibilitychange", lookAgain);
  }, [lookAgain]);
  return { id, lookAgain };
}

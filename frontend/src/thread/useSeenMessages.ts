import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import { lastSeenId, type RenderedRow } from "../core/viewport";

/**
 * Report which messages were on a visible screen, by the highest `id`.
 *
 * @param isPositioned whether the screen shows what is being read, and not something on the way to it
 * @param renderedRows the rows in the document
 * @param onSeen called with the highest `id` whenever it rises
 */
export function useSeenMessages(
  scrollerRef: RefObject<HTMLDivElement | null>,
  isPositioned: () => boolean,
  renderedRows: () => readonly RenderedRow[],
  onSeen: (upToId: number) => void,
) {
  const [seenId, setSeenId] = useState(0);
  const reported = useRef(0);
  const check = () => {
    const element = scrollerRef.current;
    if (!element || !isPositioned() || document.visibilityState !== "visible" || element.clientHeight === 0) return;
    const seen = lastSeenId(renderedRows(), element.scrollTop, element.scrollTop + element.clientHeight);
    if (seen <= reported.current) return;
    reported.current = seen;
    setSeenId(seen);
    onSeen(seen);
  };
  const latest = useRef(check);
  useLayoutEffect(() => {
    latest.current = check; // before the browser can scroll or hide what was just rendered
  });
  const checkSeen = useCallback(() => latest.current(), []);
  useEffect(() => {
    document.addEventListener("visibilitychange", checkSeen);
    return () => document.removeEventListener("visibilitychange", checkSeen);
  }, [checkSeen]);
  return { seenId, checkSeen };
}

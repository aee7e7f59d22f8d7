import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { Message } from "../model";
import { type Pages, useOlderUntil } from "./useLoadOlderUntil";

/** How many pages are looked through for a message that a search has found, or that another one answers. */
const MAX_PAGES_TO_FIND = 400;
/** As long as the animation of `.found` takes, and a little more. */
const MARKED_MS = 3_000;

/** A message to show: another object each time that it is wanted. */
export type Sought = { readonly id: number } | { readonly messageId: string };

/** Go to the message that is sought, loading older pages until it is there, and mark it for a moment. */
export function useSought(
  picked: Sought | null,
  messages: readonly Message[],
  pages: Pages,
  showIndex: (index: number) => void,
) {
  const [quoted, setQuoted] = useState<{ readonly after: Sought | null; readonly sought: Sought } | null>(null);
  const [reached, setReached] = useState<Sought | null>(null);
  const [markedId, setMarkedId] = useState<number | null>(null);
  const sought = quoted !== null && quoted.after === picked ? quoted.sought : picked; // what was asked for last
  const index = useMemo(
    () => (sought === null ? -1 : messages.findIndex((message) => isSought(message, sought))),
    [sought, messages],
  );
  const progress = useOlderUntil(sought === reached ? null : sought, index >= 0, pages, MAX_PAGES_TO_FIND);
  const message = messages[index];
  if (message && reached !== sought) {
    setReached(sought);
    setMarkedId(message.id);
  }

  const shown = useRef<Sought | null>(null);
  useEffect(() => {
    if (reached === null || shown.current === reached || index < 0) return;
    shown.current = reached;
    showIndex(index);
  }, [reached, index, showIndex]);
  useEffect(() => {
    if (reached === null) return undefined;
    const timer = window.setTimeout(() => setMarkedId(null), MARKED_MS);
    return () => window.clearTimeout(timer);
  }, [reached]);

  const quotedId = sought !== null && "messageId" in sought ? sought.messageId : null;
  return {
    markedId,
    /** The platform's id of what a quote leads to, while it is looked for, and where it was not found. */
    awaitedId: progress === "going" || progress === "stuck" ? quotedId : null,
    missingId: progress === "missing" ? quotedId : null,
    seek: useCallback((messageId: string) => setQuoted({ after: picked, sought: { messageId } }), [picked]),
  };
}

function isSought(message: Message, sought: Sought): boolean {
  return "id" in sought ? message.id === sought.id : message.message_id === sought.messageId;
}

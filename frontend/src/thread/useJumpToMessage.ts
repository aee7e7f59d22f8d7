import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { Message } from "../model";
import { type OlderPages, useLoadOlderUntil } from "./useLoadOlderUntil";

/** Load at most this many pages to find a search hit or a quoted message. */
const MAX_PAGES = 400;
/** Slightly longer than the animation of `.found`. */
const HIGHLIGHT_MS = 3_000;

/** A message to jump to: a new object for every jump. */
export type JumpTarget = { readonly id: number } | { readonly messageId: string };

/** Jump to a message, loading older pages until it is there, and highlight it for a moment. */
export function useJumpToMessage(
  requested: JumpTarget | null,
  messages: readonly Message[],
  pages: OlderPages,
  showIndex: (index: number) => void,
) {
  const [quoted, setQuoted] = useState<{ readonly after: JumpTarget | null; readonly target: JumpTarget } | null>(null);
  const [reached, setReached] = useState<JumpTarget | null>(null);
  const [highlightedId, setHighlightedId] = useState<number | null>(null);
  // The last request counts: a click on a quote, or a new target from outside.
  const target = quoted !== null && quoted.after === requested ? quoted.target : requested;
  const index = useMemo(
    () => (target === null ? -1 : messages.findIndex((message) => isTarget(message, target))),
    [target, messages],
  );
  const progress = useLoadOlderUntil(target === reached ? null : target, index >= 0, pages, MAX_PAGES);
  const message = messages[index];
  if (message && reached !== target) {
    setReached(target);
    setHighlightedId(message.id);
  }

  const shown = useRef<JumpTarget | null>(null);
  useEffect(() => {
    if (reached === null || shown.current === reached || index < 0) return;
    shown.current = reached;
    showIndex(index);
  }, [reached, index, showIndex]);
  useEffect(() => {
    if (reached === null) return undefined;
    const timer = window.setTimeout(() => setHighlightedId(null), HIGHLIGHT_MS);
    return () => window.clearTimeout(timer);
  }, [reached]);

  const quotedId = target !== null && "messageId" in target ? target.messageId : null;
  return {
    highlightedId,
    /** The platform's ID of the quoted message that is being searched for, or was not found. */
    pendingQuoteId: progress === "loading" || progress === "failed" ? quotedId : null,
    missingQuoteId: progress === "notFound" ? quotedId : null,
    /** Jump to a quoted message, by the platform's ID. */
    jumpToQuoted: useCallback(
      (messageId: string) => setQuoted({ after: requested, target: { messageId } }),
      [requested],
    ),
  };
}

function isTarget(message: Message, target: JumpTarget): boolean {
  return "id" in target ? message.id === target.id : message.message_id === target.messageId;
}

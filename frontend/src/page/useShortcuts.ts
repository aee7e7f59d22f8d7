import { type RefObject, useEffect, useRef } from "react";

import type { Conversation } from "../model";

type Keys = {
  readonly conversations: readonly Conversation[];
  readonly activeId: string | null;
  readonly setActiveId: (id: string) => void;
  readonly openId: string | null;
  readonly open: (id: string | null) => void;
  readonly search: RefObject<HTMLInputElement | null>;
};

/** j and k choose, Enter opens, Esc goes back, / searches; not while somebody writes. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { conversations, activeId, setActiveId, openId, open, search } = latest.current;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
      const inList = event.target instanceof HTMLElement && event.target.id === "conversations";
      const step =
        event.key === "j" || (inList && event.key === "ArrowDown")
          ? 1
          : event.key === "k" || (inList && event.key === "ArrowUp")
            ? -1
            : 0;
      if (step !== 0) {
        const at = conversations.findIndex((one) => one.conversation_id === activeId);
        const next = conversations[Math.max(0, Math.min(conversations.length - 1, at + step))];
        if (next) setActiveId(next.conversation_id);
        document.getElementById("conversations")?.focus({ preventScroll: true });
      } else if (event.key === "Enter" && activeId !== null && (inList || event.target === document.body))
        open(activeId);
      else if (event.key === "Escape" && openId !== null) open(null);
      else if (event.key === "/") search.current?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);
}

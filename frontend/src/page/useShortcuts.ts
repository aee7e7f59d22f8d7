import { type RefObject, useEffect, useEffectEvent } from "react";

import type { Conversation } from "../model";

type Options = {
  readonly conversations: readonly Conversation[];
  readonly activeId: string | null;
  readonly setActiveId: (id: string) => void;
  readonly openId: string | null;
  readonly open: (id: string | null) => void;
  readonly searchRef: RefObject<HTMLInputElement | null>;
};

/** Keyboard shortcuts: j and k choose, Enter opens, Esc goes back, / searches. Ignored in text fields. */
export function useShortcuts(options: Options): void {
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    const { conversations, activeId, setActiveId, openId, open, searchRef } = options;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTextField(event.target)) return;
    const isInList = event.target instanceof HTMLElement && event.target.id === "conversations";
    const step = stepOf(event.key, isInList);
    if (step !== 0) {
      const index = conversations.findIndex((entry) => entry.conversation_id === activeId);
      const next = conversations[Math.max(0, Math.min(conversations.length - 1, index + step))];
      if (next) setActiveId(next.conversation_id);
      document.getElementById("conversations")?.focus({ preventScroll: true });
    } else if (event.key === "Enter" && activeId !== null && (isInList || event.target === document.body)) {
      open(activeId);
    } else if (event.key === "Escape" && openId !== null) {
      open(null);
    } else if (event.key === "/") {
      searchRef.current?.focus();
    } else {
      return;
    }
    event.preventDefault();
  });
  useEffect(() => {
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}

function stepOf(key: string, isInList: boolean): -1 | 0 | 1 {
  if (key === "j" || (isInList && key === "ArrowDown")) return 1;
  if (key === "k" || (isInList && key === "ArrowUp")) return -1;
  return 0;
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);
}

import type { KeyboardEvent, RefObject } from "react";

import type { SearchHit } from "../model";
import { CloseIcon, SearchIcon } from "../ui/Icons";

type Props = {
  readonly inputRef: RefObject<HTMLInputElement | null>;
  readonly text: string;
  readonly hits: readonly SearchHit[];
  /** The hit that Enter opens; -1 for the first. */
  readonly activeIndex: number;
  readonly onText: (text: string) => void;
  readonly onActive: (index: number) => void;
  readonly onOpen: (hit: SearchHit) => void;
};

/** The search field: arrows choose a hit, Enter opens it, Escape ends the search. */
export function SearchField({ inputRef, text, hits, activeIndex, onText, onActive, onOpen }: Props) {
  const isSearching = text.trim() !== "";
  const hasHits = isSearching && hits.length > 0;
  const isHitActive = isSearching && activeIndex >= 0 && activeIndex < hits.length;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onText("");
      inputRef.current?.blur();
      requestAnimationFrame(() => document.getElementById("conversations")?.focus());
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      onActive(Math.max(0, Math.min(hits.length - 1, activeIndex + (event.key === "ArrowDown" ? 1 : -1))));
    } else if (event.key === "Enter") {
      const hit = hits[Math.max(0, activeIndex)];
      if (hit) onOpen(hit);
    }
  };

  return (
    <div className="search" role="search">
      <SearchIcon />
      <input
        ref={inputRef}
        type="search"
        value={text}
        placeholder="Search people and messages"
        aria-label="Search people and messages"
        aria-keyshortcuts="/"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={hasHits}
        aria-controls={hasHits ? "results" : undefined}
        aria-activedescendant={isHitActive ? `hit-${activeIndex.toString()}` : undefined}
        autoComplete="off"
        spellCheck={false}
        dir="auto"
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {isSearching && (
        <button type="button" className="icon-button" aria-label="Clear search" onClick={() => onText("")}>
          <CloseIcon />
        </button>
      )}
    </div>
  );
}

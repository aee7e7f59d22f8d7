import { useEffect } from "react";

import { displayName } from "../core/names";
import type { SearchHit } from "../model";
import { Avatar } from "../ui/Avatar";
import { clock } from "../ui/useNow";

type Props = {
  readonly hits: readonly SearchHit[];
  readonly state: "loading" | "done" | "failed";
  readonly query: string;
  readonly activeIndex: number;
  readonly nowMs: number;
  readonly onOpen: (hit: SearchHit) => void;
};

/** What a search has found: people, then messages. The keys are the search field's, which has the focus. */
export function SearchResults({ hits, state, query, activeIndex, nowMs, onOpen }: Props) {
  useEffect(() => {
    document.getElementById(`hit-${activeIndex.toString()}`)?.scrollIntoView({ block: "nearest" });
  }, [activeIndex]);
  const told =
    state === "failed"
      ? "The search did not answer. Try again in a moment."
      : state === "loading" && hits.length === 0
        ? "Searching…"
        : hits.length === 0
          ? `Nothing was found for “${query}”.`
          : `${hits.length.toString()} found`;
  return (
    <div className="results">
      <p className={hits.length > 0 ? "visually-hidden" : "list-empty"} role="status">
        {told}
      </p>
      {hits.length > 0 && (
        <div className="list results-list" role="listbox" id="results" aria-label="Search results" tabIndex={-1}>
          {hits.map((hit, index) => (
            <div
              key={`${hit.type} ${hit.conversation.conversation_id} ${hit.message?.id.toString() ?? ""}`}
              id={`hit-${index.toString()}`}
              role="option"
              aria-selected={index === activeIndex}
              className={`option option-static${index === activeIndex ? " option-active" : ""}`}
              onClick={() => onOpen(hit)}
            >
              <div className="row">
                <Avatar conversation={hit.conversation} size="small" />
                <div className="row-main">
                  <div className="row-line">
                    <bdi className="row-name" dir="auto">
                      {displayName(hit.conversation)}
                    </bdi>
                    {hit.message && (
                      <time className="row-time" dateTime={hit.message.created_at}>
                        {clock.short(hit.message.created_at, nowMs)}
                      </time>
                    )}
                  </div>
                  <div className="row-line">
                    <span className="row-preview" dir="auto">
                      {hit.snippet.map((piece, place) =>
                        piece.match ? <mark key={place}>{piece.text}</mark> : <span key={place}>{piece.text}</span>,
                      )}
                    </span>
                  </div>
                </div>
              </div>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

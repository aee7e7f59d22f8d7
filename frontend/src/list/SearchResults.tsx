import { useEffect } from "react";

import { displayName } from "../core/names";
import type { SearchHit } from "../model";
import { Avatar } from "../ui/Avatar";
import { timeFormat } from "../ui/timeFormat";
import type { SearchState } from "./useSearch";

type Props = {
  readonly search: SearchState;
  readonly activeIndex: number;
  readonly nowMs: number;
  readonly onOpen: (hit: SearchHit) => void;
};

/** The results of a search: people, then messages. The search field keeps the focus and handles the keys. */
export function SearchResults({ search, activeIndex, nowMs, onOpen }: Props) {
  const { hits } = search;
  useEffect(() => {
    document.getElementById(`hit-${activeIndex.toString()}`)?.scrollIntoView({ block: "nearest" });
  }, [activeIndex]);
  return (
    <div className="results">
      <p className={hits.length > 0 ? "visually-hidden" : "list-empty"} role="status">
        {statusText(search)}
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
              <HitRow hit={hit} nowMs={nowMs} />
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function HitRow({ hit, nowMs }: { hit: SearchHit; nowMs: number }) {
  return (
    <div className="row">
      <Avatar conversation={hit.conversation} size="small" />
      <div className="row-main">
        <div className="row-line">
          <bdi className="row-name" dir="auto">
            {displayName(hit.conversation)}
          </bdi>
          {hit.message && (
            <time className="row-time" dateTime={hit.message.created_at}>
              {timeFormat.short(hit.message.created_at, nowMs)}
            </time>
          )}
        </div>
        <div className="row-line">
          <span className="row-preview" dir="auto">
            {hit.snippet.map((part, index) =>
              part.match ? <mark key={index}>{part.text}</mark> : <span key={index}>{part.text}</span>,
            )}
          </span>
        </div>
      </div>
    </div>
  );
}

function statusText({ status, query, hits }: SearchState): string {
  if (status === "failed") return "Search is not available. Try again in a moment.";
  if (hits.length > 0) return hits.length === 1 ? "1 result" : `${hits.length.toString()} results`;
  return status === "loading" ? "Searching…" : `No results for “${query}”`;
}

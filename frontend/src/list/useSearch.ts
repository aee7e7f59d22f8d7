import { useInboxClient } from "@switchboard/client/react";
import { useEffect, useState } from "react";

import type { Platform, SearchHit } from "../model";

/** Search this long after the last key. */
const DEBOUNCE_MS = 200;
const MAX_HITS = 50;

export type SearchState = {
  readonly query: string;
  readonly hits: readonly SearchHit[];
  readonly status: "loading" | "done" | "failed";
};

/** Search while somebody types. The response to an older query never replaces that of a newer one. */
export function useSearch(text: string, platform: Platform | undefined): SearchState {
  const client = useInboxClient();
  const query = text.trim();
  const [result, setResult] = useState<SearchState>({ query: "", hits: [], status: "done" });
  useEffect(() => {
    if (query === "") return;
    const abort = new AbortController();
    const { signal } = abort;
    const timer = window.setTimeout(() => {
      client.search(query, { platform, limit: MAX_HITS, signal }).then(
        ({ hits }) => {
          if (!signal.aborted) setResult({ query, hits, status: "done" });
        },
        () => {
          if (!signal.aborted) setResult({ query, hits: [], status: "failed" });
        },
      );
    }, DEBOUNCE_MS);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [client, query, platform]);
  return result.query === query ? result : { query, hits: result.hits, status: "loading" };
}

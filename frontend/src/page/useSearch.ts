import { useInboxClient } from "@switchboard/client/react";
import { useEffect, useState } from "react";

import type { Platform, SearchHit } from "../model";

const PAUSE_MS = 200;
const LIMIT = 50;

export type Found = {
  readonly query: string;
  readonly hits: readonly SearchHit[];
  readonly state: "loading" | "done" | "failed";
};

/** What is found for `text`, a moment after the last key; the answer of an older question never replaces a newer one's. */
export function useSearch(text: string, platform: Platform | undefined): Found {
  const client = useInboxClient();
  const query = text.trim();
  const [found, setFound] = useState<Found>({ query: "", hits: [], state: "done" });
  useEffect(() => {
    if (query === "") return;
    const ends = new AbortController();
    const timer = window.setTimeout(() => {
      client.search(query, { platform, limit: LIMIT, signal: ends.signal }).then(
        (page) => {
          if (!ends.signal.aborted) setFound({ query, hits: page.hits, state: "done" });
        },
        () => {
          if (!ends.signal.aborted) setFound({ query, hits: [], state: "failed" });
        },
      );
    }, PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      ends.abort();
    };
  }, [client, query, platform]);
  return found.query === query ? found : { query, hits: found.hits, state: "loading" };
}

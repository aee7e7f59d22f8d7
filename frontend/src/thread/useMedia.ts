import type { InboxClient } from "@switchboard/client";
import { useInboxClient } from "@switchboard/client/react";
import { type RefObject, useEffect, useState } from "react";

import { type MediaFailure, mediaFailure } from "../core/media";
import { MediaCache, type MediaKey } from "../core/mediaCache";

const MAX_CACHE_BYTES = 64 * 1024 * 1024;
const NEAR_PX = 600;

const caches = new WeakMap<InboxClient, MediaCache>();

/** Return the cache of a client: signing out drops it. */
function cacheOf(client: InboxClient): MediaCache {
  const known = caches.get(client);
  if (known) return known;
  const cache = new MediaCache(
    (key, signal) => client.media(key.conversationId, key.messageId, key.index, { signal }),
    MAX_CACHE_BYTES,
  );
  caches.set(client, cache);
  return cache;
}

export type LoadedMedia = { readonly url: string; readonly mimeType: string };
type Outcome = ({ readonly is: "loaded" } & LoadedMedia) | ({ readonly is: "failed" } & MediaFailure);

/** Fetch a medium once `isWanted` is true. Its URL is valid while the component is mounted. */
export function useMedia(key: MediaKey, isWanted: boolean) {
  const client = useInboxClient();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [attempts, setAttempts] = useState(0);
  const { conversationId, messageId, index } = key;

  useEffect(() => {
    if (!isWanted) return undefined;
    const abort = new AbortController();
    let url: string | null = null;
    cacheOf(client)
      .load({ conversationId, messageId, index }, abort.signal)
      .then(
        (blob) => {
          if (abort.signal.aborted) return;
          url = URL.createObjectURL(blob);
          setOutcome({ is: "loaded", url, mimeType: blob.type });
        },
        (error: unknown) => {
          if (!abort.signal.aborted) setOutcome({ is: "failed", ...mediaFailure(error) });
        },
      );
    return () => {
      abort.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [client, conversationId, messageId, index, isWanted, attempts]);

  return {
    loaded: outcome?.is === "loaded" ? outcome : null,
    failure: outcome?.is === "failed" ? outcome : null,
    isLoading: isWanted && outcome === null,
    retry: () => {
      setOutcome(null);
      setAttempts((count) => count + 1);
    },
    /** The browser cannot show what was fetched. */
    fail: () => {
      setOutcome({ is: "failed", reason: "Cannot be shown here", canRetry: false });
    },
  };
}

/** Return whether the element has come near the visible part of the thread. Stays true from then on. */
export function useNear(ref: RefObject<HTMLElement | null>): boolean {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element || isNear) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setNear(true);
      },
      { root: element.closest("#thread"), rootMargin: `${NEAR_PX.toString()}px 0px` },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref, isNear]);
  return isNear;
}

import type { InboxClient } from "@switchboard/client";
import { useInboxClient } from "@switchboard/client/react";
import { type RefObject, useEffect, useState } from "react";

import { type Failure, failureOf } from "../core/media";
import { type MediaKey, MediaStore } from "../core/mediaCache";

const MAX_HELD_BYTES = 64 * 1024 * 1024;
const NEAR_PX = 600;

const stores = new WeakMap<InboxClient, MediaStore>();

/** Return what a client has fetched: nothing of it outlives a sign-out. */
function storeOf(client: InboxClient): MediaStore {
  const known =
    stores.get(client) ??
    new MediaStore(
      (key, signal) => client.media(key.conversationId, key.messageId, key.index, { signal }),
      MAX_HELD_BYTES,
    );
  stores.set(client, known);
  return known;
}

export type Loaded = { readonly url: string; readonly mimeType: string };
type Outcome = ({ readonly is: "loaded" } & Loaded) | ({ readonly is: "failed" } & Failure);

/** Fetch a medium once it is wanted; the address is good for as long as the component is there. */
export function useMedia(key: MediaKey, isWanted: boolean) {
  const client = useInboxClient();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [tries, setTries] = useState(0);
  const { conversationId, messageId, index } = key;

  useEffect(() => {
    if (!isWanted) return undefined;
    const ends = new AbortController();
    let url: string | null = null;
    storeOf(client)
      .load({ conversationId, messageId, index }, ends.signal)
      .then(
        (blob) => {
          if (ends.signal.aborted) return;
          url = URL.createObjectURL(blob);
          setOutcome({ is: "loaded", url, mimeType: blob.type });
        },
        (error: unknown) => {
          if (!ends.signal.aborted) setOutcome({ is: "failed", ...failureOf(error) });
        },
      );
    return () => {
      ends.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [client, conversationId, messageId, index, isWanted, tries]);

  return {
    loaded: outcome?.is === "loaded" ? outcome : null,
    failure: outcome?.is === "failed" ? outcome : null,
    isLoading: isWanted && outcome === null,
    retry: () => {
      setOutcome(null);
      setTries((count) => count + 1);
    },
    /** What was fetched cannot be shown. */
    fail: () => {
      setOutcome({ is: "failed", why: "cannot be shown here", mayPass: false });
    },
  };
}

/** Return whether the element has come near the part of the thread that is on the screen; it stays so. */
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

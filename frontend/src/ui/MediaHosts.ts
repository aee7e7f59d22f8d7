import { createContext, useContext } from "react";

import { isLoadedByItself, safeUrl } from "../core/safeLinks";

/** The platforms' hosts, from which pictures and videos are loaded without a click. See `Config`. */
export const MediaHosts = createContext<readonly string[]>([]);

export type MediaUrl = {
  readonly url: string;
  /** Whether the page loads it by itself. Otherwise it is a link, and only a click reveals the reader to its host. */
  readonly isLoaded: boolean;
};

/** Return how the page treats the URL of a picture, video or sound; null if it is missing or not safe. */
export function useMediaUrl(address: string | null | undefined): MediaUrl | null {
  const hosts = useContext(MediaHosts);
  const url = safeUrl(address, window.location.origin);
  return url === null ? null : { url, isLoaded: isLoadedByItself(url, window.location.origin, hosts) };
}

/** Time, chance and network: everything that the library does not decide by itself, so that tests can. */

import type { PageEvent } from "../connection/machine-state.js";

/** `setTimeout` cannot count further: it would call at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The part of a browser's `WebSocket` that is used. */
export interface WebSocketLike {
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface Environment {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** At least 0, less than 1. */
  readonly random: () => number;
  /** Calls `run` after that many milliseconds, at most 24 days; returns what cancels it. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
  readonly fetch: typeof fetch;
  readonly openWebSocket: (url: string, protocols: readonly string[]) => WebSocketLike;
  /** Whether there is a network at all, as far as is known. */
  readonly isOnline: () => boolean;
  /** Calls back when the network comes or goes, when the page is shown or hidden, and when it stops running (`frozen`) or
   * goes on (`resumed`); returns what ends that.
   */
  readonly watch: (changed: (what: PageEvent) => void) => () => void;
  /** The origin of the page, for a client that was given no `url`. */
  readonly origin: () => string;
}

/** The browser's own; also that of Node, which has no page that could be hidden. */
export function browserEnvironment(): Environment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after: (milliseconds, run) => {
      const timer = setTimeout(run, Math.min(milliseconds, LONGEST_TIMER_MS));
      return () => {
        clearTimeout(timer);
      };
    },
    fetch: (input, init) => globalThis.fetch(input, init),
    openWebSocket: (url, protocols) => new globalThis.WebSocket(url, [...protocols]),
    isOnline: () => typeof navigator === "undefined" || !("onLine" in navigator) || navigator.onLine,
    watch: watchPage,
    origin: () => globalThis.location.origin,
  };
}

function watchPage(changed: (what: PageEvent) => void): () => void {
  if (typeof window === "undefined") {
    return () => undefined;
  }
  const ends = new AbortController();
  const { signal } = ends;
  window.addEventListener(
    "online",
    () => {
      changed("online");
    },
    { signal },
  );
  window.addEventListener(
    "offline",
    () => {
      changed("offline");
    },
    { signal },
  );
  document.addEventListener(
    "visibilitychange",
    () => {
      changed(document.hidden ? "hidden" : "visible");
    },
    { signal },
  );
  // Into the back-forward cache and out of it; a page that is merely left or loaded is not `persisted`.
  window.addEventListener(
    "pagehide",
    ({ persisted }) => {
      if (persisted) changed("frozen");
    },
    { signal },
  );
  window.addEventListener(
    "pageshow",
    ({ persisted }) => {
      if (persisted) changed("resumed");
    },
    { signal },
  );
  // A tab in the background whose timers and tasks the browser stops (Page Lifecycle).
  document.addEventListener(
    "freeze",
    () => {
      changed("frozen");
    },
    { signal },
  );
  document.addEventListener(
    "resume",
    () => {
      changed("resumed");
    },
    { signal },
  );
  return () => {
    ends.abort();
  };
}

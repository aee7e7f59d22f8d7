/** Clock, timers, randomness and network, in one object: tests replace them. */

/** `setTimeout` overflows above this and would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A change of the network or of the page's lifecycle; see `Environment.watchLifecycle`. */
export type LifecycleEvent = "online" | "offline" | "visible" | "hidden" | "frozen" | "resumed";

/** The part of a browser's `WebSocket` that the client uses. */
export interface WebSocketLike {
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Everything that the client needs from its surroundings. */
export interface Environment {
  /** The wall clock: milliseconds since 1970. */
  readonly now: () => number;
  /** A random number: at least 0, less than 1. */
  readonly random: () => number;
  /** Call `run` after `milliseconds` (at most 24 days); returns a function that cancels the timer. */
  readonly setTimer: (milliseconds: number, run: () => void) => () => void;
  readonly fetch: typeof fetch;
  readonly openWebSocket: (url: string, protocols: readonly string[]) => WebSocketLike;
  /** Whether there is a network, as far as the browser knows. */
  readonly isOnline: () => boolean;
  /** Call `listener` when the network comes or goes (`online`, `offline`), the page is shown or hidden (`visible`,
   * `hidden`), and the browser stops or continues running it (`frozen`, `resumed`); returns a function that stops this.
   */
  readonly watchLifecycle: (listener: (event: LifecycleEvent) => void) => () => void;
  /** The origin of the page, used if the client is given no `url`. */
  readonly origin: () => string;
}

/** Return the environment of the browser. It also works in Node, where no page can be hidden. */
export function browserEnvironment(): Environment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    setTimer: (milliseconds, run) => {
      const timer = setTimeout(run, Math.min(milliseconds, MAX_TIMER_MS));
      return () => {
        clearTimeout(timer);
      };
    },
    fetch: (input, init) => globalThis.fetch(input, init),
    openWebSocket: (url, protocols) => new globalThis.WebSocket(url, [...protocols]),
    isOnline: () => typeof navigator === "undefined" || !("onLine" in navigator) || navigator.onLine,
    watchLifecycle,
    origin: () => globalThis.location.origin,
  };
}

function watchLifecycle(listener: (event: LifecycleEvent) => void): () => void {
  if (typeof window === "undefined") {
    return () => undefined;
  }
  const abort = new AbortController();
  const { signal } = abort;
  const onPageTransition = (event: LifecycleEvent) => (transition: PageTransitionEvent) => {
    // `persisted` means the back-forward cache. A page that is just loaded or left is not frozen.
    if (transition.persisted) {
      listener(event);
    }
  };
  window.addEventListener("online", () => listener("online"), { signal });
  window.addEventListener("offline", () => listener("offline"), { signal });
  document.addEventListener("visibilitychange", () => listener(document.hidden ? "hidden" : "visible"), { signal });
  window.addEventListener("pagehide", onPageTransition("frozen"), { signal });
  window.addEventListener("pageshow", onPageTransition("resumed"), { signal });
  // Page Lifecycle API: the browser stops timers and tasks of a background tab.
  document.addEventListener("freeze", () => listener("frozen"), { signal });
  document.addEventListener("resume", () => listener("resumed"), { signal });
  return () => {
    abort.abort();
  };
}

/** Signing in: by a link, by what this tab remembers, or by the page that embeds this one. */

import { type Config, configOf, type Session, sessionOf, tokenOfHash, tokenOfMessage } from "../core/token";

const KEY = "switchboard.token";

export type SessionStore = {
  readonly get: () => Session | null;
  readonly subscribe: (changed: () => void) => () => void;
  /** Ask the embedding page for a new token; null where there is none, or none comes in time. */
  readonly renew: () => Promise<string | null>;
  /** Forget the token: it was refused. */
  readonly end: () => void;
  readonly isEmbedded: boolean;
};

const RENEW_TIMEOUT_MS = 10_000;

/** Take the token of `#token=…` out of the address, and return it; null where there is none. */
export function takeToken(window: Window): string | null {
  const token = tokenOfHash(window.location.hash);
  if (token !== null) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return token;
}

/** Remember the token that the address had, else what this tab remembers, and listen to the embedding page. */
export function openSession(window: Window, config: Config, given: string | null): SessionStore {
  let session: Session | null = null;
  const listeners = new Set<() => void>();
  const isEmbedded = window.parent !== window && config.embeddingOrigins.length > 0;

  const take = (token: string | null): boolean => {
    const found = token === null ? null : sessionOf(token, config.userClaim);
    if (!found) return false;
    session = found;
    remember(window, found.token);
    for (const listener of listeners) listener();
    return true;
  };
  const ask = (type: "switchboard:ready" | "switchboard:token_wanted"): void => {
    for (const origin of config.embeddingOrigins) window.parent.postMessage({ type }, origin);
  };

  if (!take(given)) take(recall(window));
  window.addEventListener("hashchange", () => take(takeToken(window)));
  if (isEmbedded) {
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      take(
        tokenOfMessage(
          { origin: event.origin, isFromParent: event.source === window.parent, data: event.data },
          config.embeddingOrigins,
        ),
      );
    });
    ask("switchboard:ready");
  }

  return {
    isEmbedded,
    get: () => session,
    subscribe: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    renew: () => {
      if (!isEmbedded) return Promise.resolve(null);
      const old = session?.token;
      return new Promise((resolve) => {
        const finish = (): void => {
          window.clearTimeout(timer);
          listeners.delete(finish);
          resolve(session && session.token !== old ? session.token : null);
        };
        const timer = window.setTimeout(finish, RENEW_TIMEOUT_MS);
        listeners.add(finish);
        ask("switchboard:token_wanted");
      });
    },
    end: () => {
      session = null;
      remember(window, null);
      for (const listener of listeners) listener();
    },
  };
}

/** Read /config.json; without it nobody may embed the page. */
export async function readConfig(): Promise<Config> {
  try {
    const answer = await fetch("/config.json", { cache: "no-cache", signal: AbortSignal.timeout(5_000) });
    return configOf(answer.ok ? await answer.json() : null);
  } catch {
    return configOf(null);
  }
}

// Storage may be denied to embedded pages: then the token lives as long as the page.
function remember(window: Window, token: string | null): void {
  try {
    if (token === null) window.sessionStorage.removeItem(KEY);
    else window.sessionStorage.setItem(KEY, token);
  } catch {
    return;
  }
}

function recall(window: Window): string | null {
  try {
    return window.sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Signing in: by a link, from this tab's storage, or by the page that embeds this one. */

import { type Config, parseConfig, type Session, parseSession, tokenFromHash, tokenFromMessage } from "../core/token";

const KEY = "switchboard.token";

export type SessionStore = {
  readonly get: () => Session | null;
  readonly subscribe: (listener: () => void) => () => void;
  /** Request a new token from the embedding page; null if there is none, or it does not respond within 10 s. */
  readonly renew: () => Promise<string | null>;
  /** Forget the token: the server refused it. */
  readonly end: () => void;
  /** The session of another user that a link brought; it waits for `answer`, and the current one goes on. */
  readonly proposed: () => Session | null;
  /** Switch to the proposed session, or drop it. */
  readonly answer: (isAccepted: boolean) => void;
  readonly isEmbedded: boolean;
};

const RENEW_TIMEOUT_MS = 10_000;

/** Remove the token `#token=…` from the URL and return it; null if there is none. */
export function takeToken(window: Window): string | null {
  const token = tokenFromHash(window.location.hash);
  if (token !== null) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return token;
}

/**
 * Start from this tab's storage or the token of the URL, and listen to the embedding page.
 *
 * Any page may have written a link, and the page that opened this tab may set its URL at any time. So a link never
 * replaces the session of another user by itself: whoever reads here would go on in a stranger's inbox (login CSRF).
 */
export function openSession(window: Window, config: Config, urlToken: string | null): SessionStore {
  let session: Session | null = null;
  let proposed: Session | null = null;
  const listeners = new Set<() => void>();
  const isEmbedded = window.parent !== window && config.embeddingOrigins.length > 0;

  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const take = (token: string | null): void => {
    const found = token === null ? null : parseSession(token, config.userClaim);
    if (!found) return;
    session = found;
    proposed = null;
    remember(window, found.token);
    notify();
  };
  const propose = (token: string | null): void => {
    const found = token === null ? null : parseSession(token, config.userClaim);
    if (!found) return;
    if (session === null || session.userId === found.userId) {
      take(token);
      return;
    }
    proposed = found;
    notify();
  };
  const post = (type: "switchboard:ready" | "switchboard:token_wanted"): void => {
    for (const origin of config.embeddingOrigins) window.parent.postMessage({ type }, origin);
  };

  take(recall(window));
  propose(urlToken);
  window.addEventListener("hashchange", () => {
    propose(takeToken(window));
  });
  if (isEmbedded) {
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      take(
        tokenFromMessage(
          { origin: event.origin, isFromParent: event.source === window.parent, data: event.data },
          config.embeddingOrigins,
        ),
      );
    });
    post("switchboard:ready");
  }

  return {
    isEmbedded,
    get: () => session,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
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
        post("switchboard:token_wanted");
      });
    },
    end: () => {
      session = null;
      remember(window, null);
      notify();
    },
    proposed: () => proposed,
    answer: (isAccepted) => {
      const answered = proposed;
      proposed = null;
      if (isAccepted && answered) take(answered.token);
      else notify();
    },
  };
}

/** Read /config.json. Without it, no page may embed this one. */
export async function readConfig(): Promise<Config> {
  try {
    const response = await fetch("/config.json", { cache: "no-cache", signal: AbortSignal.timeout(5_000) });
    return parseConfig(response.ok ? await response.json() : null);
  } catch {
    return parseConfig(null);
  }
}

// Browsers may deny storage to embedded pages. The token is then lost when the page closes.
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

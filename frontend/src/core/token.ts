/** Reading the sign-in token and the page's configuration. Pure. Tokens are not verified here: the server does that. */

export type Session = { readonly token: string; readonly userId: string; readonly expiresAtMs: number | null };

/** Return the session of a JWT; null if the text is not one. `claim` holds the user ID, as configured on the server. */
export function parseSession(token: string, claim = "sub"): Session | null {
  const [, body, signature, ...more] = token.split(".");
  if (!body || !signature || more.length > 0) return null;
  let claims: unknown;
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll("-", "+").replaceAll("_", "/")), (letter) =>
      letter.charCodeAt(0),
    );
    claims = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (typeof claims !== "object" || claims === null) return null;
  const { [claim]: user, exp } = claims as Record<string, unknown>;
  const userId = typeof user === "number" ? String(user) : user;
  if (typeof userId !== "string" || userId === "") return null;
  return { token, userId, expiresAtMs: typeof exp === "number" ? exp * 1000 : null };
}

/** Return the token of a URL fragment `#token=…`; null if there is none. */
export function tokenFromHash(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/u, "")).get("token");
}

export type Config = {
  readonly embeddingOrigins: readonly string[];
  readonly userClaim: string;
  /** Hosts from which pictures and videos are loaded without a click; each stands for its subdomains as well. */
  readonly mediaHosts: readonly string[];
};

/**
 * Return the content of /config.json. Values that are not exact origins are dropped. Without any, no page may embed this one.
 */
export function parseConfig(value: unknown): Config {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const origins = words(given["embedding_origins"]);
  const claim = given["user_claim"];
  return {
    embeddingOrigins: origins.filter(isOrigin),
    userClaim: typeof claim === "string" && claim ? claim : "sub",
    mediaHosts: words(given["media_hosts"]).filter((host): host is string => typeof host === "string" && host !== ""),
  };
}

/** Return the entries of a list, or the words of a text: a front door that only replaces text in files writes words. */
function words(listed: unknown): unknown[] {
  if (Array.isArray(listed)) return listed;
  return typeof listed === "string" ? listed.split(/\s+/u) : [];
}

function isOrigin(value: unknown): value is string {
  try {
    return typeof value === "string" && !value.includes("*") && new URL(value).origin === value;
  } catch {
    return false;
  }
}

/**
 * Return the token of a window message `{type: "switchboard:token", token}`; null unless the parent window sent it from a
 * listed origin.
 */
export function tokenFromMessage(
  event: { origin: string; isFromParent: boolean; data: unknown },
  origins: readonly string[],
): string | null {
  if (!event.isFromParent || !origins.includes(event.origin)) return null;
  if (typeof event.data !== "object" || event.data === null) return null;
  const { type, token } = event.data as Record<string, unknown>;
  return type === "switchboard:token" && typeof token === "string" ? token : null;
}

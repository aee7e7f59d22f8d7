/** Which URLs from outside may be opened, shown as pictures or played. */

const HTTPS = "https:";

/**
 * Return the URL if it is safe, else null. Safe are https URLs, and those of the page's own origin, from which the simulator
 * serves its pictures. Not safe are other schemes, such as javascript:, data: and http:, and URLs with a user name.
 */
export function safeUrl(address: string | null | undefined, ownOrigin: string): string | null {
  if (!address) return null;
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return null; // relative or invalid: it does not refer to this page
  }
  if (url.username || url.password) return null;
  return url.protocol === HTTPS || url.origin === ownOrigin ? url.href : null;
}

/**
 * Return whether the page may load from a safe URL by itself: its host is the page's own, or one of the platforms'. Any other
 * host would learn when a conversation is read, and from where.
 *
 * @param hosts the platforms' hosts; each stands for its subdomains as well
 */
export function isLoadedByItself(url: string, ownOrigin: string, hosts: readonly string[]): boolean {
  const { origin, hostname } = new URL(url);
  return origin === ownOrigin || hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`));
}

/** Return whether `expiresAt` (ISO 8601) has passed; false if it is missing. */
export function isExpired(expiresAt: string | null | undefined, nowMs: number): boolean {
  return expiresAt != null && Date.parse(expiresAt) <= nowMs;
}

export type TextPart = { readonly text: string; readonly href: string | null };

const ADDRESS = /\bhttps:\/\/[^\s<>"'`]{4,2000}/giu;
const TRAILING = /[.,;:!?)\]}»”’…。、]+$/u;

/** Split text into plain parts and https links. The text of a link is its URL. */
export function linkify(text: string): TextPart[] {
  const pieces: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const shown = match[0].replace(TRAILING, "");
    const href = safeUrl(shown, "");
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null });
    pieces.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** Addresses that came from outside: which of them may be opened, and which may be shown as pictures or played. */

const HTTPS = "https:";

/**
 * Return `address` where it may be followed, else null: https anywhere, or a path of the page's own origin (where a
 * simulated platform serves its pictures). Nothing else: no javascript:, data: or http: of others, no user names in it.
 */
export function safeUrl(address: string | null | undefined, ownOrigin: string): string | null {
  if (!address) return null;
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return null; // relative or broken: whoever wrote it did not mean this page
  }
  if (url.username || url.password) return null;
  return url.protocol === HTTPS || url.origin === ownOrigin ? url.href : null;
}

/** Return whether something stops working at `expiresAt` (ISO 8601) and that time has come. */
export function isExpired(expiresAt: string | null | undefined, nowMs: number): boolean {
  return expiresAt != null && Date.parse(expiresAt) <= nowMs;
}

export type Piece = { readonly text: string; readonly href: string | null };

const ADDRESS = /\bhttps:\/\/[^\s<>"'`]{4,2000}/giu;
const TRAILING = /[.,;:!?)\]}»”’…。、]+$/u;

/** Split what a person wrote into plain pieces and https links; the text of a link is the address itself. */
export function linkified(text: string): Piece[] {
  const pieces: Piece[] = [];
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

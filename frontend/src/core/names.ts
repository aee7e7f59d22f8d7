/** Who a conversation is with, and the letters that stand for a picture. */

export type Named = {
  readonly participant_id: string;
  readonly participant_name: string | null;
  readonly participant_username: string | null;
};

/** Return the best that is known: name, username, else the platform's id. */
export function displayName(who: Named): string {
  return (
    who.participant_name?.trim() ||
    (who.participant_username?.trim() ? `@${who.participant_username.trim()}` : "") ||
    who.participant_id
  );
}

const LETTER = /^\p{L}/u;
const SEGMENTER = new Intl.Segmenter();

/** Return the first symbol as a reader counts them: a flag, a letter with its accents. */
function firstSymbol(text: string): string {
  for (const { segment } of SEGMENTER.segment(text)) return segment;
  return "";
}

/** Return up to two letters; one where a script has no capitals, since its letters would join to a word. */
export function initials(name: string): string {
  const letters = name
    .split(/\s+/u)
    .map(firstSymbol)
    .filter((letter) => LETTER.test(letter));
  const first = letters[0];
  if (!first) return firstSymbol(name.replace(/^[@+]/u, "")) || "?";
  const last = letters.at(-1) ?? first;
  if (letters.length === 1 || first.toLowerCase() === first.toUpperCase()) return first;
  return (first + last).toUpperCase();
}

const TINTS = 8;

/** Return the number of the colour behind the initials: the same for the same id. */
export function tint(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum % TINTS;
}

export const PLATFORM_NAMES: Readonly<Record<string, string>> = {
  facebook: "Messenger",
  instagram: "Instagram",
  whatsapp: "WhatsApp",
};

export function platformName(platform: string): string {
  return PLATFORM_NAMES[platform] ?? platform;
}

/** The names of participants and platforms, and the initials that replace a missing picture. */

export type Participant = {
  readonly participant_id: string;
  readonly participant_name: string | null;
  readonly participant_username: string | null;
};

/** Return the name, else the username, else the platform's ID. */
export function displayName(who: Participant): string {
  return (
    who.participant_name?.trim() ||
    (who.participant_username?.trim() ? `@${who.participant_username.trim()}` : "") ||
    who.participant_id
  );
}

const LETTER = /^\p{L}/u;
const SEGMENTER = new Intl.Segmenter();

/** Return the first grapheme: what a reader counts as one character, such as a flag or an accented letter. */
function firstGrapheme(text: string): string {
  for (const { segment } of SEGMENTER.segment(text)) return segment;
  return "";
}

/** Return up to two initials; one in scripts without capitals, in which two letters would look like a word. */
export function initials(name: string): string {
  const letters = name
    .split(/\s+/u)
    .map(firstGrapheme)
    .filter((letter) => LETTER.test(letter));
  const first = letters[0];
  if (!first) return firstGrapheme(name.replace(/^[@+]/u, "")) || "?";
  const last = letters.at(-1) ?? first;
  if (letters.length === 1 || first.toLowerCase() === first.toUpperCase()) return first;
  return (first + last).toUpperCase();
}

const COLORS = 8;

/** Return the index of the colour behind the initials: always the same for the same ID. */
export function colorIndex(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum % COLORS;
}

export const PLATFORM_NAMES: Readonly<Record<string, string>> = {
  facebook: "Messenger",
  instagram: "Instagram",
  whatsapp: "WhatsApp",
};

export function platformName(platform: string): string {
  return PLATFORM_NAMES[platform] ?? platform;
}

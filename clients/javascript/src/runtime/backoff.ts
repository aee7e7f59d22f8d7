/** Exponential backoff with jitter, as "Close codes" in docs/protocol.md asks for. */

const INITIAL_MS = 500;
const MAX_MS = 30_000;

/** Return the delay before the next attempt, in milliseconds: a random part between half and all of 0.5 s, 1 s, 2 s … 30 s.
 *
 * @param failures number of failed attempts in a row before this one
 * @param random at least 0, less than 1
 */
export function backoff(failures: number, random: number): number {
  const ceilingMs = Math.min(MAX_MS, INITIAL_MS * 2 ** Math.min(failures, 10));
  return ceilingMs * (0.5 + random / 2);
}

/** How long to wait before coming back: "Close codes" in docs/protocol.md. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** Return milliseconds: between half of and the whole of 0.5 s, 1 s, 2 s … 30 s.
 *
 * @param failures how many attempts have failed in a row before this one
 * @param random at least 0, less than 1
 */
export function backoff(failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return ceiling * (0.5 + random / 2);
}

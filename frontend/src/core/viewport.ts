/** What of a thread is on the screen. Pure; places are px from the top of what scrolls. */

/** A message that only begins to show has not been seen. */
const PEEPING_PX = 16;

/** A row that is drawn, on the screen or near it. */
export type Drawn = { readonly id: number; readonly start: number; readonly end: number };

/** Return the greatest `id` on the screen, which is not always the lowest one: some come late; 0 where there is none. */
export function seenUpTo(drawn: readonly Drawn[], topPx: number, bottomPx: number): number {
  return drawn.reduce(
    (greatest, row) => (row.end > topPx && row.start < bottomPx - PEEPING_PX ? Math.max(greatest, row.id) : greatest),
    0,
  );
}

/** Return the `id` of the uppermost message on the screen; null where there is none. */
export function firstOnScreen(drawn: readonly Drawn[], topPx: number): number | null {
  return drawn.find((row) => row.end > topPx)?.id ?? null;
}

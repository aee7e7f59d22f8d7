/** Which messages are on the screen. Pure; positions are pixels from the top of the scrolled content. */

/** A message of which less is visible has not been seen. */
const MIN_VISIBLE_PX = 16;

/** A row in the document, on the screen or near it. */
export type RenderedRow = { readonly id: number; readonly start: number; readonly end: number };

/** Return the highest `id` on the screen; 0 if there is none. It need not be the lowest row: some messages arrive late. */
export function lastSeenId(rows: readonly RenderedRow[], topPx: number, bottomPx: number): number {
  return rows.reduce(
    (highest, row) => (row.end > topPx && row.start < bottomPx - MIN_VISIBLE_PX ? Math.max(highest, row.id) : highest),
    0,
  );
}

/** Return the `id` of the topmost message on the screen; null if there is none. */
export function firstVisibleId(rows: readonly RenderedRow[], topPx: number): number | null {
  return rows.find((row) => row.end > topPx)?.id ?? null;
}

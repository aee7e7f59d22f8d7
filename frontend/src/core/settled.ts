/** A list that re-orders itself while somebody looks at it. Pure. */

/**
 * Return the order to show while a pointer moves over the list: what is there stays where it is, what is gone is left
 * out, what is new waits. `fresh` is the order as it would be.
 */
export function heldOrder(shown: readonly string[], fresh: readonly string[]): readonly string[] {
  const known = new Set(fresh);
  const held = shown.filter((id) => known.has(id));
  const had = new Set(held);
  // What lies below everything that is shown came by paging: it cannot move anything.
  let end = fresh.length;
  while (end > 0 && !had.has(fresh[end - 1] ?? "")) end -= 1;
  return [...held, ...fresh.slice(end)];
}

/**
 * Return by how many pixels a list has to be scrolled so that the row at its upper edge stays there after a change of
 * order; 0 at the top, where people watch new ones come in.
 */
export function anchorShift(before: readonly string[], after: readonly string[], scrollTop: number, rowHeight: number): number {
  if (scrollTop < rowHeight / 2) return 0;
  const places = new Map(after.map((id, index) => [id, index]));
  for (let index = Math.floor(scrollTop / rowHeight); index < before.length; index += 1) {
    const place = places.get(before[index] ?? "");
    if (place === undefined) continue;
    // A row that itself jumped to the top is not what holds the view: the next one does.
    if (place < index && index - place > 1 && after.length >= before.length) continue;
    return (place - index) * rowHeight;
  }
  return 0;
}

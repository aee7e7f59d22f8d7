/** A list that re-orders itself while somebody looks at it. Pure. */

import type { Conversation } from "../model";

/** A screen full of rows: where all of those are gone, it is another list, and nothing holds the view. */
const HOLDING_ROWS = 30;

type Listed = Pick<Conversation, "conversation_id">;

/**
 * Return the order to show while a pointer moves over the list: what is there stays where it is, as it is now, what is
 * gone is left out, what is new waits. `fresh` is the order as it would be.
 */
export function heldOrder<Item extends Listed>(shown: readonly Item[], fresh: readonly Item[]): readonly Item[] {
  const left = new Map(fresh.map((one) => [one.conversation_id, one]));
  const held: Item[] = [];
  for (const { conversation_id: id } of shown) {
    const now = left.get(id);
    if (now && left.delete(id)) held.push(now);
  }
  // What lies below everything that is shown came by paging: it cannot move anything.
  let end = fresh.length;
  while (end > 0 && left.has(fresh[end - 1]?.conversation_id ?? "")) end -= 1;
  return [...held, ...fresh.slice(end)];
}

/**
 * Return by how many pixels a list has to be scrolled so that the row at its upper edge stays there after a change of
 * order; 0 at the top, where people watch new ones come in.
 */
export function anchorShift(
  before: readonly Listed[],
  after: readonly Listed[],
  scrollTop: number,
  rowHeight: number,
): number {
  if (scrollTop < rowHeight / 2) return 0;
  const first = Math.floor(scrollTop / rowHeight);
  for (let index = first; index < Math.min(before.length, first + HOLDING_ROWS); index += 1) {
    const place = placeNear(after, before[index]?.conversation_id, index);
    if (place === null) continue;
    // A row that itself jumped to the top is not what holds the view: the next one does.
    if (place < index && index - place > 1 && after.length >= before.length) continue;
    return (place - index) * rowHeight;
  }
  return 0;
}

/** Return where a row stands now, looked for around the place that it had: most changes move a row by one. */
function placeNear(list: readonly Listed[], id: string | undefined, place: number): number | null {
  for (let distance = 0; distance <= Math.max(place, list.length - 1 - place); distance += 1) {
    if (list[place + distance]?.conversation_id === id) return place + distance;
    if (list[place - distance]?.conversation_id === id) return place - distance;
  }
  return null;
}

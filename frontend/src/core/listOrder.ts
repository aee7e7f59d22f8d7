/** The order of a list that changes while somebody looks at it. Pure. */

import type { Conversation } from "../model";

/** About one screen of rows. If all of them are gone, the list is another one and cannot be anchored. */
const MAX_ANCHOR_ROWS = 30;

type Listed = Pick<Conversation, "conversation_id">;

/**
 * Return the order to show while the pointer moves over the list, so that no row moves away from under it: known rows keep
 * their place with their new content, removed rows go, new rows wait.
 *
 * @param shown the order on the screen
 * @param fresh the order as it would be
 */
export function frozenOrder<Item extends Listed>(shown: readonly Item[], fresh: readonly Item[]): readonly Item[] {
  const remaining = new Map(fresh.map((item) => [item.conversation_id, item]));
  const frozen: Item[] = [];
  for (const { conversation_id: id } of shown) {
    const current = remaining.get(id);
    if (current && remaining.delete(id)) frozen.push(current);
  }
  // Rows below everything that is shown are from the next page: they move nothing.
  let end = fresh.length;
  while (end > 0 && remaining.has(fresh[end - 1]?.conversation_id ?? "")) end -= 1;
  return [...frozen, ...fresh.slice(end)];
}

/**
 * Return by how many pixels to scroll after the order changed, so that the topmost visible row stays in place. 0 at the top
 * of the list, where new conversations should come into view.
 */
export function scrollAnchorShift(
  before: readonly Listed[],
  after: readonly Listed[],
  scrollTop: number,
  rowHeight: number,
): number {
  if (scrollTop < rowHeight / 2) return 0;
  const first = Math.floor(scrollTop / rowHeight);
  for (let index = first; index < Math.min(before.length, first + MAX_ANCHOR_ROWS); index += 1) {
    const newIndex = findNear(after, before[index]?.conversation_id, index);
    if (newIndex === null) continue;
    // A row that jumped to the top is not an anchor: use the next one.
    if (newIndex < index && index - newIndex > 1 && after.length >= before.length) continue;
    return (newIndex - index) * rowHeight;
  }
  return 0;
}

/** Return the index of a row, searching outwards from its old index: most changes move a row by one. */
function findNear(list: readonly Listed[], id: string | undefined, index: number): number | null {
  for (let distance = 0; distance <= Math.max(index, list.length - 1 - index); distance += 1) {
    if (list[index + distance]?.conversation_id === id) return index + distance;
    if (list[index - distance]?.conversation_id === id) return index - distance;
  }
  return null;
}

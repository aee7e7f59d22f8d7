/** Comparing moments: as texts they do not sort, and a `Date` knows no microseconds. */

import type { Instant } from "./types.js";

const FRACTION = /\.(\d+)/;

function microseconds(instant: Instant): string {
  return (FRACTION.exec(instant)?.[1] ?? "").padEnd(9, "0");
}

/** Negative where `one` is earlier than `other`, 0 where they are the same moment. `null` is before everything. */
export function compareInstants(one: Instant | null, other: Instant | null): number {
  if (one === other) {
    return 0;
  }
  if (one === null || other === null) {
    return one === null ? -1 : 1;
  }
  const apart = Date.parse(one) - Date.parse(other);
  return apart === 0 ? compareTexts(microseconds(one), microseconds(other)) : apart;
}

/** By code unit, the same everywhere: not by the reader's language. */
export function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

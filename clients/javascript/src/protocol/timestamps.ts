/** Timestamps compare neither as strings (their decimals vary) nor as `Date`s (which drop microseconds). */

import type { Timestamp } from "./types.js";

const FRACTION = /\.(\d+)/;

/** Compare two timestamps.
 *
 * @returns negative if `one` is earlier than `other`, positive if it is later, 0 if both are the same moment. `null` sorts
 * before every timestamp.
 */
export function compareTimestamps(one: Timestamp | null, other: Timestamp | null): number {
  if (one === other) {
    return 0;
  }
  if (one === null || other === null) {
    return one === null ? -1 : 1;
  }
  const differenceMs = Date.parse(one) - Date.parse(other);
  return differenceMs === 0 ? compareStrings(fractionDigits(one), fractionDigits(other)) : differenceMs;
}

/** Compare by code unit: the same order in every locale. */
export function compareStrings(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function fractionDigits(timestamp: Timestamp): string {
  return (FRACTION.exec(timestamp)?.[1] ?? "").padEnd(9, "0");
}

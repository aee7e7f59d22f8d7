import { useEffect, useState } from "react";

import { clockOf } from "../core/timeFormat";

/** The reader's language and zone, for the whole page. */
export const clock = clockOf();

/** The time, told again every `everyMs`. */
export function useNow(everyMs = 20_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}

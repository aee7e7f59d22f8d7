import { useEffect, useMemo, useRef, useState } from "react";

import { frozenOrder } from "../core/listOrder";
import type { Conversation } from "../model";

/** A pointer that has not moved for this long is not about to click. */
const POINTER_IDLE_MS = 1200;

/** Return the order to show: the newest, but frozen while the pointer moves over the list, so that no row evades a click. */
export function useFrozenOrder(fresh: readonly Conversation[]) {
  const [isFrozen, setFrozen] = useState(false);
  const [shown, setShown] = useState(fresh);
  const timer = useRef(0);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const order = useMemo(() => (isFrozen ? frozenOrder(shown, fresh) : fresh), [isFrozen, shown, fresh]);
  if (!isFrozen && shown !== fresh) setShown(fresh);
  const release = () => {
    window.clearTimeout(timer.current);
    setFrozen(false);
  };
  const freeze = () => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setFrozen(false), POINTER_IDLE_MS);
    setFrozen(true);
  };
  return { order, pointer: { onPointerMove: freeze, onPointerDown: freeze, onPointerLeave: release } };
}

/** A part of the state, as a hook. */

import { useSyncExternalStore } from "react";
import type { InboxClient } from "../client.js";
import type { InboxState } from "../state/inbox-state.js";

/** Return a part of the state. `select` has to return the same object until that part changes. */
export function useSelector<Part>(client: InboxClient, select: (state: InboxState) => Part): Part {
  const getPart = (): Part => select(client.getState());
  return useSyncExternalStore(client.subscribe, getPart, getPart);
}

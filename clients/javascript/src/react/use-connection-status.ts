/** The status of a connection, as a hook. */

import { useSyncExternalStore } from "react";
import type { ConnectionStatus } from "../connection/status.js";
import type { FrameSource } from "./frame-feed.js";
import { useInboxClient } from "./provider.js";

/** Return the status of the connection: whether what is shown is live. */
export function useConnectionStatus(): ConnectionStatus {
  return useSourceStatus(useInboxClient());
}

export function useSourceStatus(source: FrameSource): ConnectionStatus {
  return useSyncExternalStore(source.subscribe, source.getStatus, source.getStatus);
}

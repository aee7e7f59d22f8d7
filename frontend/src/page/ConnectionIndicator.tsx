import type { ConnectionStatus } from "@switchboard/client";
import { useConnectionStatus, useInboxClient } from "@switchboard/client/react";

/** Whether the inbox is live. The text is exactly "Live", "Connecting…" or "Offline". */
export function ConnectionIndicator() {
  const client = useInboxClient();
  const [state, text] = describe(useConnectionStatus());
  return (
    <span className="connection-place">
      <span className={`connection connection-${state}`} role="status" aria-label="Connection">
        <span className="dot" aria-hidden="true" />
        <span data-testid="connection">{text}</span>
      </span>
      {state === "offline" && (
        <button type="button" className="link" onClick={() => client.reconnect()}>
          Reconnect
        </button>
      )}
    </span>
  );
}

function describe({ phase, reason }: ConnectionStatus): readonly ["live" | "connecting" | "offline", string] {
  if (phase === "live") return ["live", "Live"];
  return phase === "connecting" || reason === "stopped" ? ["connecting", "Connecting…"] : ["offline", "Offline"];
}

import type { ReactNode } from "react";

import type { Message } from "../model";
import { TickIcon, TicksIcon, WarningIcon } from "../ui/Icons";
import { timeFormat } from "../ui/timeFormat";

/** How far an outgoing message got. */
export function DeliveryStatus({ message }: { message: Message }) {
  switch (message.status) {
    case "failed":
      return (
        <span className="ticks ticks-failed">
          <WarningIcon />
          <span>Not delivered</span>
        </span>
      );
    case "read":
    case "played": {
      const at = message.read_at ? ` at ${timeFormat.time(message.read_at)}` : "";
      const label = (message.status === "played" ? "Played" : "Read") + at;
      return <Ticks label={label} icon={<TicksIcon />} isRead />;
    }
    case "delivered":
      return <Ticks label="Delivered" icon={<TicksIcon />} />;
    case "sent":
      return <Ticks label="Sent" icon={<TickIcon />} />;
    case null:
      return null;
  }
}

function Ticks({ label, icon, isRead = false }: { label: string; icon: ReactNode; isRead?: boolean }) {
  return (
    <span className={isRead ? "ticks ticks-read" : "ticks"} title={label}>
      {icon}
      <span className="visually-hidden">{label}</span>
    </span>
  );
}

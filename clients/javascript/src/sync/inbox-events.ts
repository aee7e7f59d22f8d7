/** The events of a client. */

import type { ConnectionStatus } from "../connection/status.js";
import type { Account, AnyFrame, Conversation, Device, KnownFrame, Message, Timestamp } from "../protocol/types.js";
import type { Emitter } from "../runtime/emitter.js";

/** The events of `InboxClient.on`, by name. */
export interface InboxEvents {
  /** A new message arrived, live or after a reconnect. Emitted once per message. */
  readonly message: { readonly message: Message; readonly conversation: Conversation };
  /** A message changed: it was edited, unsent, delivered, read or got a reaction. */
  readonly messageUpdated: { readonly message: Message; readonly conversation: Conversation };
  /** A conversation changed: it was read, renamed or linked. */
  readonly conversation: { readonly conversation: Conversation };
  /** A conversation was erased with all its messages. */
  readonly conversationRemoved: { readonly conversation_id: string };
  readonly account: { readonly account: Account };
  readonly typing: { readonly conversation_id: string; readonly who: Device; readonly until: Timestamp };
  readonly presence: { readonly who: Device; readonly online: boolean; readonly viewing: string | null };
  /** The status of the connection changed. */
  readonly status: ConnectionStatus;
  /** The state cannot be continued and is loaded again. Changes since the last event are only in the new state. */
  readonly reset: { readonly reason: string };
  /** Every frame, as the server sent it. */
  readonly frame: AnyFrame;
  /** A background operation failed; the client retries it. */
  readonly error: Error;
}

/** Emit the event of a frame that was not handled before. */
export function emitFrame(events: Emitter<InboxEvents>, frame: KnownFrame): void {
  switch (frame.type) {
    case "new_message":
      events.emit("message", frame.data);
      break;
    case "message_updated":
      events.emit("messageUpdated", frame.data);
      break;
    case "conversation_updated":
      events.emit("conversation", frame.data);
      break;
    case "conversation_removed":
      events.emit("conversationRemoved", frame.data);
      break;
    case "account_updated":
      events.emit("account", frame.data);
      break;
    case "typing":
      events.emit("typing", frame.data);
      break;
    case "presence":
      events.emit("presence", frame.data);
      break;
    case "reset":
      events.emit("reset", { reason: frame.data.reason });
      break;
    default: // concerns the connection only
  }
}

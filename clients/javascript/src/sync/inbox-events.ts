/** What a client tells of, and which frame says what. */

import type { Emitter } from "../runtime/emitter.js";
import type { ConnectionStatus } from "../connection/status.js";
import type { Account, AnyFrame, Conversation, Instant, KnownFrame, Message, Who } from "../protocol/types.js";

/** What `InboxClient.on` tells of, by name. */
export interface InboxEvents {
  /** A message that was not there before has come, live or after a lost connection; never told twice. */
  readonly message: { readonly message: Message; readonly conversation: Conversation };
  readonly messageUpdated: { readonly message: Message; readonly conversation: Conversation };
  readonly conversation: { readonly conversation: Conversation };
  readonly account: { readonly account: Account };
  readonly typing: { readonly conversation_id: string; readonly who: Who; readonly until: Instant };
  readonly presence: { readonly who: Who; readonly online: boolean; readonly viewing: string | null };
  readonly status: ConnectionStatus;
  /** What was held could not be continued: everything is being loaded anew, and what came meanwhile is only in that. */
  readonly reset: { readonly reason: string };
  /** Every frame of the server, as it came. */
  readonly frame: AnyFrame;
  /** Something that was tried by itself has failed; it will be tried again. */
  readonly error: Error;
}

/** Tell of what `frame`, which was not handled before, has brought. */
export function tell(events: Emitter<InboxEvents>, frame: KnownFrame): void {
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
    default: // it is about the connection
  }
}

/** Applying frames to the state. */

import { compareStrings, compareTimestamps } from "../protocol/timestamps.js";
import type { KnownFrame, MessageFrame } from "../protocol/types.js";
import type { InboxState } from "./inbox-state.js";
import { removeConversation, upsertAccount, upsertConversation, upsertMessage } from "./upserts.js";

/** Return the state after a frame that follows the last one without a gap. Unknown frames change nothing. */
export function applyFrame(state: InboxState, frame: KnownFrame): InboxState {
  switch (frame.type) {
    case "new_message":
    case "message_updated":
      return applyMessageFrame(state, frame);
    case "conversation_updated":
      return upsertConversation(state, frame.data.conversation);
    case "conversation_removed":
      return removeConversation(state, frame.data.conversation_id, frame.seq);
    case "account_updated":
      return upsertAccount(state, frame.data.account);
    case "typing": {
      const { conversation_id, who, until } = frame.data;
      const others = state.typing.filter(
        (entry) => entry.conversation_id !== conversation_id || entry.who.id !== who.id,
      );
      const typing = [...others, { conversation_id, who, until }].sort(
        (one, other) =>
          compareStrings(one.conversation_id, other.conversation_id) || compareStrings(one.who.id, other.who.id),
      );
      return { ...state, typing: activeTyping(typing, state.now) };
    }
    case "presence": {
      const { who, online, viewing } = frame.data;
      const others = state.presence.filter((entry) => entry.who.id !== who.id);
      const presence = online ? [...others, { who, viewing }] : others;
      return { ...state, presence: presence.sort((one, other) => compareStrings(one.who.id, other.who.id)) };
    }
    default:
      return state;
  }
}

/** Return the entries that have not expired at `now`, milliseconds since 1970; all if `now` is `null`. */
export function activeTyping(typing: InboxState["typing"], now: number | null): InboxState["typing"] {
  const active = typing.filter(
    ({ until }) => now === null || compareTimestamps(until, new Date(now).toISOString()) > 0,
  );
  return active.length === typing.length ? typing : active;
}

/** A sent message also ends the typing in its conversation. */
function applyMessageFrame(state: InboxState, frame: MessageFrame): InboxState {
  const { conversation, message, conversation_id } = frame.data;
  const next = upsertMessage(upsertConversation(state, conversation), message);
  const isReply = frame.type === "new_message" && message.direction === "outgoing";
  const typing = next.typing.filter((entry) => !isReply || entry.conversation_id !== conversation_id);
  return typing.length === next.typing.length ? next : { ...next, typing };
}

/** Inboxes of any size, for measurements. */

import { reduce } from "../../src/state/reducer.js";
import { emptyInbox, type InboxState } from "../../src/state/inbox-state.js";
import { conversation, EPOCH, message, newMessage } from "./objects.js";

const NOW = Date.parse("2026-11-22T10:00:00Z");

/** Return an inbox with that many loaded conversations, and that many messages in the thread of `c1`. */
export function largeInbox(conversations: number, messages: number): InboxState {
  const page = { next: "more", seq: 0, epoch: EPOCH };
  const items = Array.from({ length: conversations }, (_, index) =>
    conversation(`c${String(index)}`, {
      last_message_at: new Date(NOW - index * 1000).toISOString(),
      unread_count: index % 2,
    }),
  );
  const thread = Array.from({ length: messages }, (_, index) =>
    message(-index, { created_at: new Date(NOW - index * 1000).toISOString() }),
  );
  return reduce(emptyInbox, {
    type: "initialized",
    snapshot: {
      lists: [{ filter: {}, page: { ...page, items } }],
      threads: [{ conversationId: "c1", page: { ...page, items: thread } }],
      unlisted: [],
      accounts: [],
    },
  });
}

/** Return the state after a new message, by default in a conversation somewhere in the list. */
export function withMessage(
  state: InboxState,
  id: number,
  conversationId = `c${String((id * 7919) % state.order.length)}`,
): InboxState {
  return reduce(state, { type: "frame", frame: newMessage(id, { conversation_id: conversationId }) });
}

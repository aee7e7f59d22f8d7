/** `npm run bench`: the cost of one event, for the state and for what a screen shows. */

import { bench, describe } from "vitest";
import { createConversationsSelector, createUnreadCountSelector } from "../src/state/memoized-selectors.js";
import { messagesOf } from "../src/state/selectors.js";
import { largeInbox, withMessage } from "../tests/support/large-inbox.js";

describe.each([500, 50_000])("%i conversations, 5,000 messages in the open thread", (conversations) => {
  const initial = largeInbox(conversations, 5_000);
  const list = createConversationsSelector({});
  const unread = createUnreadCountSelector();
  const shown: unknown[] = [];
  let state = initial;
  let id = 0;
  const next = (conversationId?: string): void => {
    id += 1;
    state = withMessage(state, id, conversationId);
  };

  bench("a message somewhere: state", () => next());
  bench("a message somewhere: state, list and unread count", () => {
    next();
    shown.splice(0, 2, list(state), unread(state));
  });
  bench("a message in the open thread: state, list, unread count and messages", () => {
    next("c1");
    shown.splice(0, 3, list(state), unread(state), messagesOf(state.threads.get("c1")));
  });
});

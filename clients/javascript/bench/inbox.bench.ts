/** `npm run bench`: what one event costs, in state and in what a screen reads of it. */

import { bench, describe } from "vitest";
import { listSelector, unreadCountSelector } from "../src/state/memoized-selectors.js";
import { messagesOf } from "../src/state/selectors.js";
import { largeInbox, withMessage } from "../tests/support/large-inbox.js";

describe.each([500, 50_000])("%i conversations, 5,000 messages in the open thread", (conversations) => {
  const begun = largeInbox(conversations, 5_000);
  const list = listSelector({});
  const unread = unreadCountSelector();
  const shown: unknown[] = [];
  let state = begun;
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

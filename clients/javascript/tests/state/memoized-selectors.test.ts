import fc from "fast-check";
import { expect, test } from "vitest";
import { createConversationsSelector, createUnreadCountSelector } from "../../src/state/memoized-selectors.js";
import { reduce } from "../../src/state/reducer.js";
import { conversationsOf, messagesOf, unreadCountOf } from "../../src/state/selectors.js";
import type { InboxState } from "../../src/state/inbox-state.js";
import { largeInbox, withMessage } from "../support/large-inbox.js";
import { conversation } from "../support/objects.js";

const change = fc.record({
  id: fc.nat(45).map((id) => `c${String(id)}`),
  second: fc.option(fc.nat(60), { nil: null }),
  unread: fc.nat(3),
  platform: fc.constantFrom("facebook" as const, "whatsapp" as const),
});

test("memoized selectors return what plain ones compute, even if states are skipped", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 30 }), (changes) => {
      let state = largeInbox(40, 0);
      const list = createConversationsSelector({});
      const unread = createUnreadCountSelector();
      changes.forEach(([{ id, second, unread: count, platform }, isRead], index) => {
        const known = state.conversations.get(id);
        const at =
          second === null
            ? (known?.last_message_at ?? null)
            : new Date(Date.parse("2026-11-22T10:00:00Z") - second * 1000).toISOString();
        const updated = conversation(id, { last_message_at: at, unread_count: count, platform, last_seq: index + 2 });
        state = reduce(state, { type: "conversationReceived", generation: state.generation, conversation: updated });
        if (isRead) {
          expect(list(state)).toEqual(conversationsOf(state));
          expect(unread(state)).toBe(unreadCountOf(state));
        }
      });
      expect(list(state)).toEqual(conversationsOf(state));
      expect(unread(state)).toBe(unreadCountOf(state));
    }),
  );
});

/** Return the milliseconds per event: the fastest of several rounds of twenty events. */
function cost(initial: InboxState): number {
  const list = createConversationsSelector({});
  const unread = createUnreadCountSelector();
  let state = initial;
  let id = 0;
  const rounds = Array.from({ length: 8 }, () => {
    const startedAt = performance.now();
    for (let event = 0; event < 20; event += 1) {
      id += 1;
      state = withMessage(state, id, id % 2 === 0 ? "c1" : undefined);
      list(state);
      unread(state);
      messagesOf(state.threads.get("c1"));
    }
    return (performance.now() - startedAt) / 20;
  });
  expect(list(state)).toHaveLength(state.order.indexOf(list(state).at(-1)?.conversation_id ?? "") + 1);
  expect(new Set(state.order).size).toBe(initial.order.length);
  return Math.min(...rounds);
}

test("an event takes less than a frame with 50,000 conversations, and grows at most linearly", () => {
  const small = cost(largeInbox(500, 5_000));
  const large = cost(largeInbox(50_000, 5_000));

  expect(large).toBeLessThan(16);
  expect(large / small).toBeLessThan(100);
});

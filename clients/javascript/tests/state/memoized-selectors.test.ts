import fc from "fast-check";
import { expect, test } from "vitest";
import { listSelector, unreadCountSelector } from "../../src/state/memoized-selectors.js";
import { reduce } from "../../src/state/reducer.js";
import { conversationsOf, messagesOf, unreadCountOf } from "../../src/state/selectors.js";
import type { InboxState } from "../../src/state/inbox-state.js";
import { largeInbox, withMessage } from "../support/large-inbox.js";
import { conversation } from "../support/fake-browser.js";

const change = fc.record({
  id: fc.nat(45).map((id) => `c${String(id)}`),
  second: fc.option(fc.nat(60), { nil: null }),
  unread: fc.nat(3),
  platform: fc.constantFrom("facebook" as const, "whatsapp" as const),
});

test("what is remembered is what would be computed, whatever changed, also of states that were passed over", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 30 }), (changes) => {
      let state = largeInbox(40, 0);
      const list = listSelector({});
      const unread = unreadCountSelector();
      changes.forEach(([{ id, second, unread: count, platform }, isLookedAt], index) => {
        const known = state.conversations.get(id);
        const at =
          second === null
            ? (known?.last_message_at ?? null)
            : new Date(Date.parse("2026-11-22T10:00:00Z") - second * 1000).toISOString();
        const told = conversation(id, { last_message_at: at, unread_count: count, platform, last_seq: index + 2 });
        state = reduce(state, { type: "told", generation: state.generation, conversation: told });
        if (isLookedAt) {
          expect(list(state)).toEqual(conversationsOf(state));
          expect(unread(state)).toBe(unreadCountOf(state));
        }
      });
      expect(list(state)).toEqual(conversationsOf(state));
      expect(unread(state)).toBe(unreadCountOf(state));
    }),
  );
});

/** The quickest of several turns of twenty events each, milliseconds an event. */
function cost(begun: InboxState): number {
  const list = listSelector({});
  const unread = unreadCountSelector();
  let state = begun;
  let id = 0;
  const turns = Array.from({ length: 8 }, () => {
    const began = performance.now();
    for (let event = 0; event < 20; event += 1) {
      id += 1;
      state = withMessage(state, id, id % 2 === 0 ? "c1" : undefined);
      list(state);
      unread(state);
      messagesOf(state.threads.get("c1"));
    }
    return (performance.now() - began) / 20;
  });
  expect(list(state)).toHaveLength(state.order.indexOf(list(state).at(-1)?.conversation_id ?? "") + 1);
  expect(new Set(state.order).size).toBe(begun.order.length);
  return Math.min(...turns);
}

test("an event costs less than a picture on the screen with 50,000 conversations, and grows no faster than their number", () => {
  const small = cost(largeInbox(500, 5_000));
  const large = cost(largeInbox(50_000, 5_000));

  expect(large).toBeLessThan(16);
  expect(large / small).toBeLessThan(100);
});

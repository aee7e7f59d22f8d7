import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InboxAction } from "../../src/state/actions.js";
import { reduce } from "../../src/state/reducer.js";
import { conversationsOf, messagesOf } from "../../src/state/selectors.js";
import { emptyInbox, type InboxState } from "../../src/state/inbox-state.js";
import type { AnyFrame, Conversation, ListPage, Message } from "../../src/protocol/types.js";
import { conversation, EPOCH, hello, message, newMessage } from "../support/objects.js";

/** A server with its whole event log. */
class Server {
  readonly log: AnyFrame[] = [];
  readonly conversations = new Map<string, Conversation>();
  readonly messages = new Map<number, Message>();

  get seq(): number {
    return this.log.length;
  }

  writes(id: string, minute: number, isOutgoing: boolean): void {
    const changed = this.#named(
      message(this.seq + 1, {
        conversation_id: id,
        created_at: new Date(Date.parse("2026-11-22T10:00:00Z") + minute * 60_000).toISOString(),
        direction: isOutgoing ? "outgoing" : "incoming",
      }),
    );
    this.#changed("new_message", changed);
  }

  edits(place: number): void {
    const known = [...this.messages.values()].at(place % Math.max(1, this.messages.size));
    if (known !== undefined) {
      this.#changed("message_updated", { ...known, seq: this.seq + 1, content: `edited ${String(this.seq + 1)}` });
    }
  }

  renames(id: string, name: string): void {
    const known = this.conversations.get(id);
    if (known === undefined) return;
    const renamed = { ...known, participant_name: name, last_seq: this.seq + 1 };
    this.conversations.set(id, renamed);
    for (const updated of this.messages.values()) {
      this.messages.set(updated.id, this.#named(updated));
    }
    this.log.push({ type: "conversation_updated", seq: this.seq + 1, data: { conversation: renamed } });
  }

  /** Pages of all conversations, newest first. */
  list(cursor: string | null, size: number): ListPage<Conversation> {
    const all = [...this.conversations.values()].sort((one, other) =>
      one.last_message_at === other.last_message_at
        ? one.conversation_id < other.conversation_id
          ? 1
          : -1
        : (one.last_message_at ?? "") < (other.last_message_at ?? "")
          ? 1
          : -1,
    );
    const key = (one: Conversation): string => `${one.last_message_at ?? ""} ${one.conversation_id}`;
    return this.#page(
      all.filter((one) => cursor === null || key(one) < cursor),
      size,
      key,
    );
  }

  thread(id: string, cursor: string | null, size: number): ListPage<Message> {
    const key = (one: Message): string => `${one.created_at} ${one.message_id} ${String(one.id).padStart(9, "0")}`;
    const all = [...this.messages.values()].filter((one) => one.conversation_id === id);
    all.sort((one, other) => (key(one) < key(other) ? 1 : -1));
    return this.#page(
      all.filter((one) => cursor === null || key(one) < cursor),
      size,
      key,
    );
  }

  #page<Item>(items: readonly Item[], size: number, key: (item: Item) => string): ListPage<Item> {
    const shown = items.slice(0, size);
    const last = shown.at(-1);
    const next = items.length > size && last !== undefined ? key(last) : null;
    return { items: shown, next, seq: this.seq, epoch: EPOCH };
  }

  #named(changed: Message): Message {
    const known = this.conversations.get(changed.conversation_id);
    return changed.direction === "outgoing" || known === undefined
      ? changed
      : { ...changed, sender_name: known.participant_name };
  }

  #changed(type: string, changed: Message): void {
    this.messages.set(changed.id, changed);
    const id = changed.conversation_id;
    const { items } = this.thread(id, null, 1);
    const updated = {
      ...(this.conversations.get(id) ?? conversation(id)),
      last_message: items[0] ?? changed,
      last_message_at: items[0]?.created_at ?? changed.created_at,
      last_seq: this.seq + 1,
    };
    this.conversations.set(id, updated);
    this.log.push({ type, seq: this.seq + 1, data: { conversation_id: id, message: changed, conversation: updated } });
  }
}

type Change =
  | { readonly do: "write"; readonly id: string; readonly minute: number; readonly isOutgoing: boolean }
  | { readonly do: "edit"; readonly place: number }
  | { readonly do: "rename"; readonly id: string; readonly name: string };
/** What a client does between two changes on the server. */
type Act = "receive" | "list" | "thread" | "reconnect" | "reset";

const ids = fc.constantFrom("a", "b", "c");
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("write" as const), id: ids, minute: fc.nat(30), isOutgoing: fc.boolean() }),
  },
  fc.record({ do: fc.constant("edit" as const), place: fc.nat(50) }),
  fc.record({ do: fc.constant("rename" as const), id: ids, name: fc.constantFrom("Ada", "Grace", "Lin") }),
);
const act: fc.Arbitrary<Act> = fc.constantFrom("receive", "receive", "list", "thread", "reconnect", "reset");

function apply(server: Server, what: Change): void {
  if (what.do === "write") server.writes(what.id, what.minute, what.isOutgoing);
  else if (what.do === "edit") server.edits(what.place);
  else server.renames(what.id, what.name);
}

/** A client that loads pages of two items and receives frames late. */
class Reader {
  state: InboxState = emptyInbox;
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
    this.load("initialized");
  }

  load(type: "initialized" | "reloaded"): void {
    const page = this.#server.list(null, 2);
    const threads = ["a"].map((conversationId) => ({
      conversationId,
      page: this.#server.thread(conversationId, null, 2),
    }));
    this.on({ type, snapshot: { lists: [{ filter: {}, page }], threads, unlisted: [], accounts: [] } });
  }

  on(event: InboxAction): void {
    this.state = reduce(this.state, event);
  }

  act(what: Act): void {
    const { generation, position } = this.state;
    switch (what) {
      case "receive": {
        const frame = this.#server.log[position ?? 0];
        if (frame !== undefined) this.on({ type: "frame", frame });
        break;
      }
      case "reconnect": // the server sends the frames after the position again
        this.on({ type: "connecting" });
        this.on({ type: "frame", frame: hello(this.#server.seq, true) });
        break;
      case "reset":
        this.on({
          type: "frame",
          frame: { type: "reset", data: { seq: this.#server.seq, epoch: EPOCH, reason: "log_pruned" } },
        });
        this.load("reloaded");
        break;
      case "list": {
        const after = this.state.lists.get("all")?.next ?? null;
        if (after !== null)
          this.on({ type: "conversationsLoaded", filter: {}, generation, after, page: this.#server.list(after, 2) });
        break;
      }
      case "thread": {
        const after = this.state.threads.get("a")?.next ?? null;
        if (after !== null)
          this.on({
            type: "messagesLoaded",
            conversationId: "a",
            generation,
            after,
            page: this.#server.thread("a", after, 2),
          });
      }
    }
  }

  /** Receive and load everything. */
  finish(): void {
    while ((this.state.position ?? 0) < this.#server.seq) this.act("receive");
    while (this.state.lists.get("all")?.next != null) this.act("list");
    while (this.state.threads.get("a")?.next != null) this.act("thread");
  }
}

describe("any interleaving of loads and frames", () => {
  test("ends in the server's state", () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.array(fc.tuple(change, fc.array(act, { maxLength: 4 })), { maxLength: 25 }),
        (before, during) => {
          const server = new Server();
          before.forEach((what) => {
            apply(server, what);
          });
          const reader = new Reader(server);
          for (const [what, acts] of during) {
            apply(server, what);
            acts.forEach((one) => {
              reader.act(one);
            });
          }
          reader.finish();

          expect(reader.state).toMatchObject({
            position: server.seq,
            needsReload: false,
            needsReconnect: false,
            pendingFrames: [],
          });
          expect(conversationsOf(reader.state)).toEqual(server.list(null, 1_000).items);
          expect(messagesOf(reader.state.threads.get("a"))).toEqual(server.thread("a", null, 1_000).items.toReversed());
        },
      ),
      { numRuns: 500 },
    );
  });

  test("never shows a gap: what is shown is the start of the server's list", () => {
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 6, maxLength: 30 }),
        fc.array(act, { maxLength: 12 }),
        (changes, acts) => {
          const server = new Server();
          changes.forEach((what) => {
            apply(server, what);
          });
          const reader = new Reader(server);
          acts.forEach((one) => {
            reader.act(one);
          });

          const shown = conversationsOf(reader.state);
          expect(shown).toEqual(server.list(null, 1_000).items.slice(0, shown.length));
          const messages = messagesOf(reader.state.threads.get("a"));
          expect(messages.toReversed()).toEqual(server.thread("a", null, 1_000).items.slice(0, messages.length));
        },
      ),
    );
  });
});

describe("structural sharing", () => {
  const page = { items: [conversation("c1"), conversation("c2")], next: null, seq: 1, epoch: EPOCH };
  const initial = reduce(emptyInbox, {
    type: "initialized",
    snapshot: {
      lists: [{ filter: {}, page }],
      threads: [{ conversationId: "c1", page: { ...page, items: [message(1)] } }],
      unlisted: [],
      accounts: [],
    },
  });

  test("keeps the objects that a frame does not change", () => {
    const after = reduce(initial, { type: "frame", frame: newMessage(2, { conversation_id: "c2" }) });

    expect(after).not.toBe(initial);
    expect(after.threads.get("c1")).toBe(initial.threads.get("c1"));
    expect(after.conversations.get("c1")).toBe(initial.conversations.get("c1"));
    expect(after.accounts).toBe(initial.accounts);
    expect(after.lists).toBe(initial.lists);
  });

  test("keeps the state if nothing is new", () => {
    for (const event of [
      { type: "frame", frame: { type: "heartbeat", data: { seq: 1 } } },
      { type: "frame", frame: { type: "pong" } },
      { type: "frame", frame: newMessage(1) },
      { type: "frame", frame: hello(1, true) },
      { type: "connecting" },
      { type: "conversationReceived", generation: initial.generation, conversation: conversation("c1") },
    ] as const) {
      expect(reduce(initial, event)).toBe(initial);
    }
  });
});

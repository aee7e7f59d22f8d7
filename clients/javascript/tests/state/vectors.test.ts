/** The conformance vectors that every client has to pass: tests/contract/vectors/README.md. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { InboxAction, Snapshot } from "../../src/state/actions.js";
import { reduce } from "../../src/state/reducer.js";
import { emptyInbox, type InboxState } from "../../src/state/inbox-state.js";
import type { Account, AnyFrame, Conversation, ListPage, Message } from "../../src/protocol/types.js";

const FOLDER = new URL("../../../../tests/contract/vectors/", import.meta.url);

interface RecordedResponse {
  readonly headers: { readonly "Inbox-Seq"?: string; readonly "Inbox-Epoch"?: string };
  readonly body: readonly unknown[];
}
type Responses = Readonly<Record<string, RecordedResponse>>;
type Entry =
  | AnyFrame
  | { readonly step: "connect"; readonly after: number | null; readonly epoch: string | null }
  | { readonly step: "load" | "page"; readonly snapshot: Responses }
  | { readonly step: "time"; readonly now: string };

interface Vector {
  readonly name: string;
  readonly description: string;
  readonly snapshot: Responses | null;
  readonly frames: readonly Entry[];
  readonly expected: Readonly<Record<string, unknown>>;
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
const vectors = files.map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Vector);

describe("conformance vectors", () => {
  test("are complete and named after their files", () => {
    expect(
      readdirSync(FOLDER)
        .filter((file) => file !== "README.md")
        .sort(),
    ).toEqual([...files].sort());
    expect(vectors.map(({ name }) => `${name}.json`)).toEqual(files);
    expect(files.length).toBeGreaterThan(40);
  });

  test.each(vectors)("$name: $description", ({ snapshot, frames, expected }) => {
    const initial =
      snapshot === null ? emptyInbox : reduce(emptyInbox, { type: "initialized", snapshot: snapshotOf(snapshot) });

    const state = frames.reduce(step, initial);

    const shown = toVectorForm(state);
    expect(shown).toMatchObject(expected);
    expect(Object.keys(shown).sort()).toEqual(Object.keys(expected).sort());
    expect(Object.keys(shown.messages).sort()).toEqual(Object.keys(expected["messages"] as object).sort());
  });
});

function step(state: InboxState, entry: Entry): InboxState {
  if (!("step" in entry)) {
    return reduce(state, { type: "frame", frame: entry });
  }
  switch (entry.step) {
    case "connect":
      expect({ after: state.position, epoch: state.epoch }).toEqual({ after: entry.after, epoch: entry.epoch });
      return reduce(state, { type: "connecting" });
    case "load":
      return reduce(state, { type: "reloaded", snapshot: snapshotOf(entry.snapshot) });
    case "page":
      return pageEvents(state, snapshotOf(entry.snapshot)).reduce(reduce, state);
    case "time":
      return reduce(state, { type: "tick", now: Date.parse(entry.now) });
  }
}

function pageEvents({ generation }: InboxState, { lists, threads, accounts }: Snapshot): readonly InboxAction[] {
  return [
    ...lists.map(
      ({ filter, page }) => ({ type: "conversationsLoaded", filter, page, generation, after: null }) as const,
    ),
    ...threads.map((thread) => ({ type: "messagesLoaded", ...thread, generation, after: null }) as const),
    { type: "accountsLoaded", accounts: accounts ?? [], generation },
  ];
}

function snapshotOf(responses: Responses): Snapshot {
  const paths = Object.entries(responses);
  return {
    lists: paths
      .filter(([path]) => path === "/api/conversations")
      .map(([, response]) => ({ filter: {}, page: pageOf<Conversation>(response) })),
    threads: paths
      .filter(([path]) => path.endsWith("/messages"))
      .map(([path, response]) => ({ conversationId: path.split("/").at(-2) ?? "", page: pageOf<Message>(response) })),
    unlisted: [],
    accounts: (responses["/api/accounts"]?.body ?? []) as readonly Account[],
  };
}

function pageOf<Item>({ headers, body }: RecordedResponse): ListPage<Item> {
  return {
    items: body as readonly Item[],
    next: null,
    seq: Number(headers["Inbox-Seq"]),
    epoch: headers["Inbox-Epoch"] ?? "",
  };
}

function toVectorForm(state: InboxState) {
  const threads = [...state.threads.values()].filter(({ messages }) => messages.length > 0);
  return {
    conversations: state.order.map((id) => state.conversations.get(id)),
    messages: Object.fromEntries(threads.map((thread) => [thread.conversation_id, thread.messages.toReversed()])),
    accounts: state.accounts,
    position: state.position,
    epoch: state.epoch,
    needs_reload: state.needsReload,
    reconnect: state.needsReconnect,
    typing: state.typing,
    presence: state.presence,
  };
}

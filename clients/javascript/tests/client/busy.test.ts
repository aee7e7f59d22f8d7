/** A busy server says when to ask again: 429 if too many requests of this user wait, 503 if too many of all users do. */

import { beforeEach, describe, expect, test } from "vitest";

import type { Account } from "../../src/protocol/types.js";
import { ApiError } from "../../src/runtime/errors.js";
import { ClientHarness } from "../support/client-harness.js";
import { problemResponse } from "../support/fake-browser.js";

const ACCOUNT: Account = {
  platform: "facebook",
  page_id: "page-1",
  user_id: "42",
  name: "Blue Things",
  status: "connected",
  reason: null,
  connected_at: "2026-01-02T12:00:00Z",
};

let harness: ClientHarness;

beforeEach(() => {
  harness = new ClientHarness();
});

/** Refuse the first requests for `path`. */
function refuse(path: string, status: number, { times, after }: { times: number; after: string }): void {
  let refused = 0;
  harness.respond = ({ url }) => {
    if (!new URL(url).pathname.endsWith(path) || refused === times) {
      return undefined;
    }
    refused += 1;
    return problemResponse(status, { "Retry-After": after });
  };
}

function asked(path: string): number {
  return harness.requests.filter(({ url }) => new URL(url).pathname.endsWith(path)).length;
}

describe.each([429, 503])("after %i", (status) => {
  test("a list is asked for again when the server says so", async () => {
    refuse("/messages", status, { times: 1, after: "2" });
    const client = await harness.liveClient();
    const loaded = client.loadOlderMessages("c1");
    await harness.advance(1_999);
    expect(asked("/messages")).toBe(1);

    await harness.advance(1);
    expect(await loaded).toBe(true);
    expect(asked("/messages")).toBe(2);
  });

  test("the error is thrown when three attempts were refused", async () => {
    refuse("/search", status, { times: 100, after: "2" });
    const client = await harness.liveClient();
    const found = client.search("blue").catch((thrown: unknown) => thrown);
    await harness.advance(10_000);

    expect(await found).toMatchObject({ status, retryAfterMs: 2_000 });
    expect(await found).toBeInstanceOf(ApiError);
    expect(asked("/search")).toBe(3);
  });

  test("a long wait is left to whoever asked", async () => {
    refuse("/search", status, { times: 100, after: "6" });
    const client = await harness.liveClient();

    await expect(client.search("blue")).rejects.toMatchObject({ status, retryAfterMs: 6_000 });
    expect(asked("/search")).toBe(1);
  });

  test("an aborted request is not sent again", async () => {
    refuse("/search", status, { times: 100, after: "2" });
    const client = await harness.liveClient();
    const abort = new AbortController();
    const found = client.search("blue", { signal: abort.signal }).catch((thrown: unknown) => thrown);
    await harness.settle();
    abort.abort(new Error("not wanted any more"));

    expect(await found).toMatchObject({ message: "not wanted any more" });
    await harness.advance(60_000);
    expect(asked("/search")).toBe(1);
  });
});

test("accounts that are refused because the user is busy are not taken for hidden ones", async () => {
  harness.data.accounts = [ACCOUNT];
  refuse("/accounts", 429, { times: 3, after: "2" });
  const client = harness.createClient();
  client.start();
  await harness.advance(4_000); // three attempts: it is connected now, and loads what it could not
  harness.acceptConnection();
  await harness.advance(60_000);

  expect(client.getState().accounts).toEqual([ACCOUNT]);
});

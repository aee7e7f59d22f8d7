import { expect, test } from "vitest";

import { InboxClient } from "../../src/client.js";
import { ApiError, NetworkError } from "../../src/runtime/errors.js";
import { problemResponse, FakeBrowser } from "../support/fake-browser.js";
import { tokenUntil } from "../support/objects.js";

function clientIn(
  harness: FakeBrowser,
  getToken = (): string | null => tokenUntil(harness.time + 3_600_000),
): InboxClient {
  return new InboxClient({ userId: "42", getToken, environment: harness.environment });
}

const photo = (): Response => new Response(new Uint8Array([1, 2, 3]), { headers: { "Content-Type": "image/png" } });

test("an attachment is fetched by message and index, with the token in a header", async () => {
  const harness = new FakeBrowser();
  harness.respond = () => photo();

  const blob = await clientIn(harness, () => "token").media("2f1c7d0a9b3e4f55", 1042, 1);

  expect([blob.type, blob.size]).toEqual(["image/png", 3]);
  const [request] = harness.requests;
  expect(request?.url).toBe("http://inbox.test/api/media/2f1c7d0a9b3e4f55/1042/1");
  expect(request?.headers.get("Authorization")).toBe("Bearer token");
});

test("a refused token is replaced once", async () => {
  const harness = new FakeBrowser();
  harness.respond = ({ headers }) => (headers.get("Authorization") === "Bearer bad" ? problemResponse(401) : photo());
  const tokens = ["bad", "good"];

  const blob = await clientIn(harness, () => tokens.shift() ?? null).media("c1", 1, 0);

  expect(blob.size).toBe(3);
  expect(harness.requests).toHaveLength(2);
});

test("the error says why there is no content", async () => {
  const harness = new FakeBrowser();
  harness.respond = () => problemResponse(410);

  const failed = clientIn(harness).media("c1", 1, 0);

  await expect(failed).rejects.toThrow(ApiError);
  await expect(failed).rejects.toMatchObject({ status: 410, type: "urn:switchboard:problem:410" });
});

test("a file has a longer timeout than a list", async () => {
  const harness = new FakeBrowser();
  harness.respond = (request) =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => {
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  let failure: unknown = null;
  const download = clientIn(harness)
    .media("c1", 1, 0)
    .catch((error: unknown) => {
      failure = error;
    });

  await harness.advance(60_000);
  expect(failure).toBeNull();
  await harness.advance(70_000);
  await download;
  expect(failure).toBeInstanceOf(NetworkError);
});

test("an aborted download stops", async () => {
  const harness = new FakeBrowser();
  const abort = new AbortController();
  harness.respond = (request) =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => {
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  const download = clientIn(harness).media("c1", 1, 0, { signal: abort.signal });
  await harness.settle();
  abort.abort();

  await expect(download).rejects.toMatchObject({ name: "AbortError" });
  expect(harness.requests[0]?.signal.aborted).toBe(true);
});

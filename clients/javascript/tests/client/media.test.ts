import { expect, test } from "vitest";

import { InboxClient } from "../../src/client.js";
import { ApiError, NetworkError } from "../../src/runtime/errors.js";
import { refusal, tokenUntil, World } from "../support/fake-browser.js";

function clientIn(world: World, getToken = (): string | null => tokenUntil(world.time + 3_600_000)): InboxClient {
  return new InboxClient({ userId: "42", getToken, environment: world.environment });
}

const photo = (): Response => new Response(new Uint8Array([1, 2, 3]), { headers: { "Content-Type": "image/png" } });

test("an attachment is fetched by its message and its place, with the token in the header", async () => {
  const world = new World();
  world.answer = () => photo();

  const blob = await clientIn(world, () => "token").media("2f1c7d0a9b3e4f55", 1042, 1);

  expect([blob.type, blob.size]).toEqual(["image/png", 3]);
  const [request] = world.requests;
  expect(request?.url).toBe("http://inbox.test/api/media/2f1c7d0a9b3e4f55/1042/1");
  expect(request?.headers.get("Authorization")).toBe("Bearer token");
});

test("a refused token is replaced once", async () => {
  const world = new World();
  world.answer = ({ headers }) => (headers.get("Authorization") === "Bearer bad" ? refusal(401) : photo());
  const tokens = ["bad", "good"];

  const blob = await clientIn(world, () => tokens.shift() ?? null).media("c1", 1, 0);

  expect(blob.size).toBe(3);
  expect(world.requests).toHaveLength(2);
});

test("the reason why there is none is told", async () => {
  const world = new World();
  world.answer = () => refusal(410);

  const failed = clientIn(world).media("c1", 1, 0);

  await expect(failed).rejects.toThrow(ApiError);
  await expect(failed).rejects.toMatchObject({ status: 410, type: "urn:switchboard:problem:410" });
});

test("a file may take longer than a list, but not for ever", async () => {
  const world = new World();
  world.answer = (request) =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => {
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  let failure: unknown = null;
  const asked = clientIn(world)
    .media("c1", 1, 0)
    .catch((error: unknown) => {
      failure = error;
    });

  await world.passes(60_000);
  expect(failure).toBeNull();
  await world.passes(70_000);
  await asked;
  expect(failure).toBeInstanceOf(NetworkError);
});

test("what nobody waits for any more is not fetched to its end", async () => {
  const world = new World();
  const ends = new AbortController();
  world.answer = (request) =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => {
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  const asked = clientIn(world).media("c1", 1, 0, { signal: ends.signal });
  await world.settles();
  ends.abort();

  await expect(asked).rejects.toMatchObject({ name: "AbortError" });
  expect(world.requests[0]?.signal.aborted).toBe(true);
});

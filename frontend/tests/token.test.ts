import { describe, expect, test } from "vitest";

import { configOf, sessionOf, tokenOfHash, tokenOfMessage } from "../src/core/token";

const encoded = (value: unknown) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const token = (claims: unknown) => `e30.${encoded(claims)}.c2ln`;

describe("a token", () => {
  test("says whose it is", () => {
    expect(sessionOf(token({ sub: "grüße", exp: 10 }))).toMatchObject({ userId: "grüße", expiresAtMs: 10_000 });
    expect(sessionOf(token({ uid: 42 }), "uid")).toMatchObject({ userId: "42", expiresAtMs: null });
  });
  test.each([
    "",
    "a.b",
    "a.b.c.d",
    "e30.!!.x",
    `e30.${encoded([])}.x`,
    token({ sub: "" }),
    token({ sub: {} }),
    token(null),
  ])("%j is none", (text) => {
    expect(sessionOf(text)).toBeNull();
  });
  test("comes in the address", () => {
    expect(tokenOfHash("#token=a.b.c")).toBe("a.b.c");
    expect(tokenOfHash("#conversation=1")).toBeNull();
  });
});

describe("a message of another window", () => {
  const origins = ["https://desk.example"];
  const event = {
    origin: "https://desk.example",
    isFromParent: true,
    data: { type: "switchboard:token", token: "a.b.c" },
  };
  test("signs in when it is the embedding page's, of an origin on the list", () => {
    expect(tokenOfMessage(event, origins)).toBe("a.b.c");
  });
  test.each([
    { ...event, isFromParent: false },
    { ...event, origin: "https://desk.example.evil" },
    { ...event, origin: "http://desk.example" },
    { ...event, origin: "null" },
    { ...event, data: "a.b.c" },
    { ...event, data: null },
    { ...event, data: { type: "other", token: "a.b.c" } },
    { ...event, data: { type: "switchboard:token", token: 1 } },
  ])("%j does not", (other) => {
    expect(tokenOfMessage(other, origins)).toBeNull();
  });
  test("the list has exact origins only", () => {
    expect(
      configOf({
        embedding_origins: ["https://a.example", "https://b.example/", "*", "null", "https://*.c.example", 7],
      }).embeddingOrigins,
    ).toEqual(["https://a.example"]);
    expect(configOf({ embedding_origins: " https://a.example https://b.example" }).embeddingOrigins).toEqual([
      "https://a.example",
      "https://b.example",
    ]);
    expect(configOf({ embedding_origins: "" }).embeddingOrigins).toEqual([]);
    expect(configOf(null)).toEqual({ embeddingOrigins: [], userClaim: "sub" });
  });
});

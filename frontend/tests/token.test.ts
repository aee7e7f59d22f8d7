import { describe, expect, test } from "vitest";

import { parseConfig, parseSession, tokenFromHash, tokenFromMessage } from "../src/core/token";

const encoded = (value: unknown) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const token = (claims: unknown) => `e30.${encoded(claims)}.c2ln`;

describe("a token", () => {
  test("names its user", () => {
    expect(parseSession(token({ sub: "grüße", exp: 10 }))).toMatchObject({ userId: "grüße", expiresAtMs: 10_000 });
    expect(parseSession(token({ uid: 42 }), "uid")).toMatchObject({ userId: "42", expiresAtMs: null });
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
  ])("%j is not a token", (text) => {
    expect(parseSession(text)).toBeNull();
  });
  test("is in the URL fragment", () => {
    expect(tokenFromHash("#token=a.b.c")).toBe("a.b.c");
    expect(tokenFromHash("#conversation=1")).toBeNull();
  });
});

describe("a message from another window", () => {
  const origins = ["https://desk.example"];
  const event = {
    origin: "https://desk.example",
    isFromParent: true,
    data: { type: "switchboard:token", token: "a.b.c" },
  };
  test("signs in if the embedding page sent it from a listed origin", () => {
    expect(tokenFromMessage(event, origins)).toBe("a.b.c");
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
    expect(tokenFromMessage(other, origins)).toBeNull();
  });
  test("the list accepts exact origins only", () => {
    expect(
      parseConfig({
        embedding_origins: ["https://a.example", "https://b.example/", "*", "null", "https://*.c.example", 7],
      }).embeddingOrigins,
    ).toEqual(["https://a.example"]);
    expect(parseConfig({ embedding_origins: " https://a.example https://b.example" }).embeddingOrigins).toEqual([
      "https://a.example",
      "https://b.example",
    ]);
    expect(parseConfig({ media_hosts: "fbcdn.net fbsbx.com" }).mediaHosts).toEqual(["fbcdn.net", "fbsbx.com"]);
    expect(parseConfig({ media_hosts: ["fbcdn.net", 7, ""] }).mediaHosts).toEqual(["fbcdn.net"]);
    expect(parseConfig({ embedding_origins: "" }).embeddingOrigins).toEqual([]);
    expect(parseConfig(null)).toEqual({ embeddingOrigins: [], userClaim: "sub", mediaHosts: [] });
  });
});

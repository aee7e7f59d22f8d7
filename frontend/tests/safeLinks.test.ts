import { describe, expect, test } from "vitest";

import { isExpired, isLoadedByItself, linkify, safeUrl } from "../src/core/safeLinks";

const OWN = "http://127.0.0.1:8080";

describe("a URL from outside", () => {
  test.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>",
    "http://example.com/",
    "ftp://example.com/",
    "//example.com/x",
    "/api/conversations",
    "blob:https://example.com/1",
    "https://user:pass@example.com/",
    "https://",
    "vbscript:x",
    "",
    "not an address",
  ])("%j is not safe", (address) => {
    expect(safeUrl(address, OWN)).toBeNull();
  });
  test("https is safe, and so is the page's own origin", () => {
    expect(safeUrl("https://cdn.example/a.jpg?x=1", OWN)).toBe("https://cdn.example/a.jpg?x=1");
    expect(safeUrl(`${OWN}/media/1.svg`, OWN)).toBe(`${OWN}/media/1.svg`);
    expect(safeUrl("http://127.0.0.1:8081/media/1.svg", OWN)).toBeNull();
    expect(safeUrl(null, OWN)).toBeNull();
  });
});

test.each([
  ["https://scontent.xx.fbcdn.net/a.jpg", true],
  ["https://fbcdn.net/a.jpg", true],
  [`${OWN}/media/1.svg`, true],
  ["https://notfbcdn.net/a.jpg", false],
  ["https://fbcdn.net.pixel.example/a.jpg", false],
  ["https://pixel.example/fbcdn.net", false],
])("%s is loaded without a click: %s", (url, isLoaded) => {
  expect(isLoadedByItself(url, OWN, ["fbcdn.net"])).toBe(isLoaded);
});

test("a URL works until it expires", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  expect(isExpired("2026-11-22T09:59:59Z", now)).toBe(true);
  expect(isExpired("2026-11-22T10:00:01Z", now)).toBe(false);
  expect(isExpired(null, now)).toBe(false);
});

describe("links in text", () => {
  test("are found without the punctuation behind them", () => {
    expect(linkify("see https://example.com/a?b=1. Then (https://example.org/x) ok")).toEqual([
      { text: "see ", href: null },
      { text: "https://example.com/a?b=1", href: "https://example.com/a?b=1" },
      { text: ". Then (", href: null },
      { text: "https://example.org/x", href: "https://example.org/x" },
      { text: ") ok", href: null },
    ]);
  });
  test("keep the text unchanged", () => {
    for (const text of [
      "",
      "plain",
      "https://",
      "http://example.com",
      "<b>https://e.xample</b>",
      "https://a.b\nhttps://c.dd",
      "javascript:alert(1) https://ok.example/",
    ]) {
      expect(
        linkify(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
      for (const piece of linkify(text)) expect(piece.href ?? "https:").toMatch(/^https:/u);
    }
  });
});

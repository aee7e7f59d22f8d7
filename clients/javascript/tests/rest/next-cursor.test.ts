import { expect, test } from "vitest";
import { nextCursor } from "../../src/rest/http-client.js";

test.each([
  [null, null],
  ['</api/conversations?limit=2&cursor=a%2Fb%3D>; rel="next"', "a/b="],
  ["<https://x.test/api?cursor=c>; rel=next", "c"],
  ['<https://x.test/api?cursor=c>; rel="prev"', null],
  ['</p?cursor=p>; rel="prev", </n?cursor=n>; rel="next"', "n"],
])("the cursor of the Link header %s is %s", (link, cursor) => {
  expect(nextCursor(link)).toBe(cursor);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyIdMap } from "../../src/state/id-map.js";

test("a map behaves like a Map, and earlier versions stay unchanged", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 1 }), fc.option(fc.nat()))), (entries) => {
      const expected = new Map<string, number>();
      let map = emptyIdMap<number>();
      for (const [id, value] of entries) {
        const size = map.size;
        const known = map.get(id);
        const next = value === null ? map.without(id) : map.with(id, value);
        if (value === null) expected.delete(id);
        else expected.set(id, value);
        expect(map.get(id)).toBe(known);
        expect(map.size).toBe(size);
        map = next;
      }
      expect(map.size).toBe(expected.size);
      expect([...map.values()].sort()).toEqual([...expected.values()].sort());
      for (const [id, value] of expected) expect(map.get(id)).toBe(value);
    }),
  );
});

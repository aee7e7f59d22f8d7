/** An immutable map by id in which a change copies some hundred entries, and not all of 50,000. */

const SHARDS = 256;

/** FNV-1a, so that ids of any shape spread. */
function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (SHARDS - 1);
}

export class IdMap<Value> {
  readonly size: number;
  readonly #shards: readonly (ReadonlyMap<string, Value> | undefined)[];

  constructor(shards: readonly (ReadonlyMap<string, Value> | undefined)[] = [], size = 0) {
    this.#shards = shards;
    this.size = size;
  }

  get(id: string): Value | undefined {
    return this.#shards[shardOf(id)]?.get(id);
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  /** Return a map with `value` at `id`; this one where it is there already. */
  with(id: string, value: Value): IdMap<Value> {
    const place = shardOf(id);
    const shard = this.#shards[place];
    const known = shard?.get(id);
    if (known === value) {
      return this;
    }
    const shards = this.#shards.length === 0 ? new Array<undefined>(SHARDS).fill(undefined) : [...this.#shards];
    return new IdMap(
      shards.with(place, new Map(shard).set(id, value)),
      known === undefined ? this.size + 1 : this.size,
    );
  }

  /** As `with`, for many: what changes is copied once. */
  withAll(entries: readonly (readonly [string, Value])[]): IdMap<Value> {
    const shards: (ReadonlyMap<string, Value> | undefined)[] = Array.from(
      { length: SHARDS },
      (_, place) => this.#shards[place],
    );
    const copies = new Map<number, Map<string, Value>>();
    let { size } = this;
    for (const [id, value] of entries) {
      const place = shardOf(id);
      const copy = copies.get(place) ?? new Map(shards[place]);
      size += copy.has(id) ? 0 : 1;
      copies.set(place, copy.set(id, value));
      shards[place] = copy;
    }
    return entries.length === 0 ? this : new IdMap(shards, size);
  }

  /** Return a map without `id`; this one where it is not there. */
  without(id: string): IdMap<Value> {
    const place = shardOf(id);
    const shard = new Map(this.#shards[place]);
    return shard.delete(id) ? new IdMap(this.#shards.with(place, shard), this.size - 1) : this;
  }

  /** The parts of this map: those that a change did not touch stay the same objects. */
  parts(): readonly (ReadonlyMap<string, Value> | undefined)[] {
    return this.#shards;
  }

  /** The ids that are here with another value than in `earlier`, or `null` where many parts have changed. */
  changesSince(earlier: IdMap<Value>): readonly string[] | null {
    const ids: string[] = [];
    let changed = 0;
    for (let place = 0; place < this.#shards.length; place += 1) {
      const shard = this.#shards[place];
      const before = earlier.#shards[place];
      if (shard !== undefined && shard !== before) {
        changed += 1;
        ids.push(...[...shard].filter(([id, value]) => before?.get(id) !== value).map(([id]) => id));
      }
    }
    return changed > SHARDS / 8 ? null : ids;
  }

  *values(): IterableIterator<Value> {
    for (const shard of this.#shards) {
      if (shard !== undefined) {
        yield* shard.values();
      }
    }
  }
}

export function emptyIdMap<Value>(): IdMap<Value> {
  return new IdMap<Value>();
}

/** An immutable map with string keys. A change copies one of 256 shards, not all 50,000 entries. */

const SHARDS = 256;

type Shard<Value> = ReadonlyMap<string, Value> | undefined;

/** Hash with FNV-1a, which spreads IDs of any format. */
function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (SHARDS - 1);
}

export class IdMap<Value> {
  readonly size: number;
  readonly #shards: readonly Shard<Value>[];

  constructor(shards: readonly Shard<Value>[] = [], size = 0) {
    this.#shards = shards;
    this.size = size;
  }

  get(id: string): Value | undefined {
    return this.#shards[shardOf(id)]?.get(id);
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  /** Return a map in which `id` has `value`; this map if it already has. */
  with(id: string, value: Value): IdMap<Value> {
    const index = shardOf(id);
    const shard = this.#shards[index];
    const known = shard?.get(id);
    if (known === value) {
      return this;
    }
    const shards = this.#shards.length === 0 ? new Array<undefined>(SHARDS).fill(undefined) : [...this.#shards];
    return new IdMap(
      shards.with(index, new Map(shard).set(id, value)),
      known === undefined ? this.size + 1 : this.size,
    );
  }

  /** Like `with` for many entries; copies each shard once. */
  withAll(entries: readonly (readonly [string, Value])[]): IdMap<Value> {
    const shards: Shard<Value>[] = Array.from({ length: SHARDS }, (_, index) => this.#shards[index]);
    const copies = new Map<number, Map<string, Value>>();
    let { size } = this;
    for (const [id, value] of entries) {
      const index = shardOf(id);
      const copy = copies.get(index) ?? new Map(shards[index]);
      size += copy.has(id) ? 0 : 1;
      copies.set(index, copy.set(id, value));
      shards[index] = copy;
    }
    return entries.length === 0 ? this : new IdMap(shards, size);
  }

  /** Return a map without `id`; this map if it does not contain it. */
  without(id: string): IdMap<Value> {
    const index = shardOf(id);
    const shard = new Map(this.#shards[index]);
    return shard.delete(id) ? new IdMap(this.#shards.with(index, shard), this.size - 1) : this;
  }

  /** The shards of this map. A shard without changes stays the same object in the next map. */
  shards(): readonly Shard<Value>[] {
    return this.#shards;
  }

  /** Return the IDs whose value differs from `earlier`, without those that were removed; `null` if many shards differ. */
  changesSince(earlier: IdMap<Value>): readonly string[] | null {
    const ids: string[] = [];
    let changed = 0;
    for (let index = 0; index < this.#shards.length; index += 1) {
      const shard = this.#shards[index];
      const before = earlier.#shards[index];
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

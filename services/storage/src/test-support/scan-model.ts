import { strict as assert } from "node:assert";
import { types } from "@holdfast/api";
import { hash, itemBytes, type ModelState, type ModelWrite } from "./ledger-model.js";
import { TestStore } from "./test-store.js";

/** An item of a state. */
export interface ModelItem {
  /** In hex, so that text order is tree order. */
  readonly keyHash: string;
  readonly key: Buffer;
  readonly value: Buffer;
  /** Encoded length. */
  readonly bytes: number;
}

/** A tile by the definition of the contract. */
export interface ModelTile {
  readonly path: string;
  readonly items: readonly ModelItem[];
  readonly bytes: number;
}

/** A difference of two states. */
export interface ModelChange {
  readonly keyHash: string;
  /** Null when it was deleted. */
  readonly item: ModelItem | null;
  /** Hash of its earlier value in hex, null when it was absent. */
  readonly old: string | null;
}

const TILE_BYTES_MAX = 131_072;
const DELETED_BYTES = 64;

/** A store, and beside it all its states as plain maps. */
export class ScanModel {
  readonly store: TestStore;
  /** State at each checkpoint, keys in hex. */
  readonly states: Map<bigint, ModelState> = new Map();
  readonly #items: Map<bigint, readonly ModelItem[]> = new Map();
  #newest: ModelState = new Map();

  constructor(store: TestStore) {
    this.store = store;
  }

  static async open(): Promise<ScanModel> {
    return new ScanModel(await TestStore.open());
  }

  /** Commits a block, one transaction for each list of writes. @returns its checkpoint. */
  commit(...transactions: readonly (readonly ModelWrite[])[]): bigint {
    const state = new Map(this.#newest);
    for (const [key, value] of transactions.flat()) {
      if (value === null) state.delete(key.toString("hex"));
      else state.set(key.toString("hex"), value);
    }
    const { committedVersion } = this.store.commit(
      transactions.map((writes) => ({ payload: Buffer.alloc(0), writes, events: [] })),
    );
    this.#newest = state;
    this.states.set(committedVersion, state);
    return committedVersion;
  }

  get checkpoints(): readonly bigint[] {
    return [...this.states.keys()];
  }

  /** Items in ascending order of key hash. */
  items(version: bigint): readonly ModelItem[] {
    const known = this.#items.get(version);
    if (known !== undefined) return known;
    const state = this.states.get(version);
    assert.ok(state, `${version} is a checkpoint`);
    const items = [...state]
      .map(([hex, value]): ModelItem => {
        const key = Buffer.from(hex, "hex");
        return { keyHash: hash(key).toString("hex"), key, value, bytes: itemBytes(hex, value) };
      })
      .sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
    this.#items.set(version, items);
    return items;
  }

  /** The tiles of a state. */
  tiles(version: bigint): ModelTile[] {
    const tile = (path: string, items: readonly ModelItem[]): ModelTile[] => {
      const under = items.filter(({ keyHash }) => keyHash.startsWith(path));
      const bytes = under.reduce((sum, item) => sum + item.bytes, 0);
      if (under.length === 0) return [];
      if (path !== "" && (under.length === 1 || bytes <= TILE_BYTES_MAX)) {
        return [{ path, items: under, bytes }];
      }
      return children(path).flatMap((child) => tile(child, under));
    };
    return tile("", this.items(version));
  }

  /** The difference of two states, ascending by key hash. */
  changes(from: bigint, to: bigint): ModelChange[] {
    const before = new Map(this.items(from).map((item) => [item.keyHash, item]));
    const after = new Map(this.items(to).map((item) => [item.keyHash, item]));
    const changes: ModelChange[] = [];
    for (const keyHash of new Set([...before.keys(), ...after.keys()])) {
      const item = after.get(keyHash) ?? null;
      const earlier = before.get(keyHash) ?? null;
      if (item !== null && earlier?.value.equals(item.value)) continue;
      const old = earlier === null ? null : hash(earlier.value).toString("hex");
      changes.push({ keyHash, item, old });
    }
    return changes.sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
  }

  /** Paths of the tiles of a delta. */
  deltaPaths(from: bigint, to: bigint): string[] {
    interface Weighed {
      readonly keyHash: string;
      readonly bytes: number;
    }
    const deleted = this.changes(from, to)
      .filter(({ item }) => item === null)
      .map(({ keyHash }): Weighed => ({ keyHash, bytes: DELETED_BYTES }));
    const tile = (path: string, keys: readonly Weighed[]): string[] => {
      const under = keys.filter(({ keyHash }) => keyHash.startsWith(path));
      const bytes = under.reduce((sum, key) => sum + key.bytes, 0);
      if (under.length === 0) return [];
      if (path !== "" && (under.length === 1 || bytes <= TILE_BYTES_MAX)) return [path];
      return children(path).flatMap((child) => tile(child, under));
    };
    return tile("", [...this.items(to), ...deleted]);
  }

  /** The tree's root at a checkpoint, as the store has it. */
  root(version: bigint): Buffer {
    const { reader } = this.store;
    reader.refresh();
    const checkpoint = reader.checkpoint(version);
    reader.release();
    assert.ok(checkpoint, `${version} is a checkpoint`);
    return checkpoint.stateRoot;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.store[Symbol.asyncDispose]();
  }
}

/** Field `items` of StateChunk as on the wire. */
export function bodyOf(items: readonly types.StateItem[]): Buffer {
  return Buffer.concat(
    items.map((item) => {
      const encoded = Buffer.from(types.StateItem.encode(item).finish());
      return Buffer.concat([Buffer.from([0x32]), varint(encoded.length), encoded]);
    }),
  );
}

function children(path: string): string[] {
  return [..."0123456789abcdef"].map((digit) => path + digit);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

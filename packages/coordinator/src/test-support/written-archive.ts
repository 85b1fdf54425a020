import type { backup, types } from "@holdfast/api";
import { Archive, type NewTile, type SnapshotBase, type SnapshotSummary } from "@holdfast/archive";
import {
  bitAt,
  chunkId,
  combine,
  compareKeyHash,
  consistencyProof,
  type DeltaChange,
  type DeltaTree,
  EMPTY_NODE,
  encodeDeltaBody,
  encodeStateItem,
  encodeTransactionInfo,
  inclusionProof,
  type LogNodes,
  logInnerHash,
  logLeafHash,
  logRoot,
  placeOf,
  rootOf,
  type StreamTile,
  sha256,
  TileStream,
  type TransactionInfo,
  type TreeNode,
  writtenChanges,
} from "@holdfast/merkle";
import { infoToWire } from "../root-proof.js";

/** A state: text keys and values. */
export type State = Readonly<Record<string, string>>;

/** Changes a tile on its way into the archive, so that it lies. */
export type Bend = (tile: NewTile, body: Buffer | null) => { tile: NewTile; body: Buffer | null };

interface Leaf {
  readonly keyHash: Buffer;
  readonly valueHash: Buffer;
  readonly item: Buffer;
}

const HISTORY = Buffer.alloc(16, 0xaa);
const LEDGER = Buffer.alloc(16, 0x11);
const straight: Bend = (tile, body) => ({ tile, body });

/** Writes snapshots of states straight into an archive, as a store with one block each would. */
export class WrittenArchive {
  readonly archive: Archive;
  readonly #infos: TransactionInfo[] = [];
  readonly #states: State[] = [];

  static async create(location: string): Promise<WrittenArchive> {
    return new WrittenArchive(await Archive.create(location, LEDGER));
  }

  private constructor(archive: Archive) {
    this.archive = archive;
  }

  /** Takes a full snapshot of the next version. */
  async full(state: State, bend: Bend = straight): Promise<SnapshotSummary> {
    const tiles = tilesOf(leavesOf(state)).map(({ path, node, items, bytes, body }) => ({
      tile: { kind: "full", path, node, items, bytes, chunk: chunkId(body) } as const,
      body,
    }));
    return this.#write(state, tiles, undefined, bend);
  }

  /** Takes a delta from the version before to the next one. */
  async delta(state: State, bend: Bend = straight): Promise<SnapshotSummary> {
    const earlier = leavesOf(this.#states.at(-1) ?? {});
    const later = leavesOf(state);
    const base = {
      version: BigInt(this.#states.length - 1),
      stateRoot: rootOf(nodeOf(earlier, 0)),
    };
    const tiles: { tile: NewTile; body: Buffer | null }[] = [];
    for (const path of "0123456789abcdef") {
      const under = (leaves: readonly Leaf[]): Leaf[] =>
        leaves.filter(({ keyHash }) => keyHash.toString("hex").startsWith(path));
      const [from, to] = [under(earlier), under(later)];
      const changes = changesOf(from, to);
      const items = to.length;
      const bytes = to.reduce((sum, { item }) => sum + item.length, 0);
      if (from.length === 0 && items === 0) continue;
      if (changes.length === 0) {
        const node = nodeOf(to, 4);
        tiles.push({ tile: { kind: "unchanged", path, node, items, bytes }, body: null });
        continue;
      }
      const tree: DeltaTree = {
        locate(position, depth) {
          const sharing = to.filter((leaf) => shares(leaf.keyHash, position, depth));
          return placeOf(nodeOf(sharing, depth));
        },
      };
      const { body, fromNode, toNode } = encodeDeltaBody(path, writtenChanges(changes), tree);
      const nodes = { from: fromNode, to: toNode, changes: changes.length };
      tiles.push({
        tile: { kind: "changed", path, ...nodes, items, bytes, chunk: chunkId(body) },
        body,
      });
    }
    return this.#write(state, tiles, base, bend);
  }

  async #write(
    state: State,
    tiles: readonly { tile: NewTile; body: Buffer | null }[],
    base: SnapshotBase | undefined,
    bend: Bend,
  ): Promise<SnapshotSummary> {
    const leaves = leavesOf(state);
    const stateRoot = rootOf(nodeOf(leaves, 0));
    const version = BigInt(this.#infos.length);
    const info: TransactionInfo = {
      version,
      commitTimeUs: 1_700_000_000_000_000n + version,
      payloadHash: sha256(Buffer.alloc(0)),
      writeSetHash: sha256(Buffer.alloc(0)),
      eventRoot: sha256(Buffer.alloc(0)),
      stateRoot,
    };
    this.#infos.push(info);
    this.#states.push(state);
    const nodes = this.#logNodes;
    const writer = await this.archive.beginBackup({
      kind: base === undefined ? "full" : "delta",
      ledgerId: LEDGER,
      histories: [{ historyId: HISTORY }],
      version,
      stateRoot,
      logRoot: logRoot(version + 1n, nodes),
      rootProof: { info, logSiblings: inclusionProof(version, version + 1n, nodes) },
      items: BigInt(leaves.length),
      bytes: BigInt(leaves.reduce((sum, { item }) => sum + item.length, 0)),
      ...(base === undefined ? {} : { base }),
      proved: true,
    });
    for (const { tile, body } of tiles) {
      const bent = bend(tile, body);
      await writer.add(bent.tile, bent.body);
    }
    return writer.publish();
  }

  /** What the store of these states says of itself. */
  dbState(): types.DbState {
    const newest = BigInt(this.#infos.length) - 1n;
    const leaves = leavesOf(this.#states.at(-1) ?? {});
    return {
      ledgerId: LEDGER,
      committedVersion: newest,
      stateRoot: rootOf(nodeOf(leaves, 0)),
      logRoot: logRoot(newest + 1n, this.#logNodes),
      items: BigInt(leaves.length),
      bytes: BigInt(leaves.reduce((sum, { item }) => sum + item.length, 0)),
      epoch: 0n,
      commitTime: undefined,
      histories: [{ historyId: HISTORY, forkVersion: undefined }],
      oldestStateVersion: 0n,
      oldestTransactionVersion: 0n,
      oldestJournalVersion: 0n,
    };
  }

  /** What the store of these states proves of a version. */
  rootProof(version: bigint, extendsVersion?: bigint): backup.GetStateRootProofResponse {
    const info = this.#infos[Number(version)];
    if (info === undefined) throw new RangeError(`there is no version ${version}`);
    const [size, nodes] = [version + 1n, this.#logNodes];
    return {
      rootProof: { info: infoToWire(info), logSiblings: inclusionProof(version, size, nodes) },
      logRoot: logRoot(size, nodes),
      consistencyHashes:
        extendsVersion === undefined ? [] : consistencyProof(extendsVersion + 1n, size, nodes),
    };
  }

  get #logNodes(): LogNodes {
    return { node: (level, index) => this.#logNode(level, Number(index)) };
  }

  #logNode(level: number, index: number): Buffer {
    if (level === 0) {
      const info = this.#infos[index];
      return info === undefined ? Buffer.alloc(0) : logLeafHash(encodeTransactionInfo(info));
    }
    return logInnerHash(
      this.#logNode(level - 1, 2 * index),
      this.#logNode(level - 1, 2 * index + 1),
    );
  }
}

/** A state of `count` keys, whose values begin with `value`. */
export function stateOf(count: number, value: string): State {
  return Object.fromEntries(
    Array.from({ length: count }, (_, key) => [`key ${key}`, `${value} ${key} `.repeat(60)]),
  );
}

function leavesOf(state: State): Leaf[] {
  return Object.entries(state)
    .map(([key, value]) => ({
      keyHash: sha256(Buffer.from(key)),
      valueHash: sha256(Buffer.from(value)),
      item: encodeStateItem(Buffer.from(key), Buffer.from(value)),
    }))
    .sort((a, b) => compareKeyHash(a.keyHash, b.keyHash));
}

function tilesOf(leaves: readonly Leaf[]): StreamTile[] {
  const stream = new TileStream();
  const tiles = leaves.flatMap(({ keyHash, item }) => stream.push(keyHash, item));
  return [...tiles, ...stream.finish()];
}

function nodeOf(leaves: readonly Leaf[], depth: number): TreeNode {
  const [first, ...others] = leaves;
  if (first === undefined) return EMPTY_NODE;
  if (others.length === 0) {
    return { kind: "leaf", keyHash: first.keyHash, valueHash: first.valueHash };
  }
  const half = (bit: number): TreeNode =>
    nodeOf(
      leaves.filter(({ keyHash }) => bitAt(keyHash, depth) === bit),
      depth + 1,
    );
  return combine(half(0), half(1));
}

function shares(a: Buffer, b: Buffer, depth: number): boolean {
  for (let bit = 0; bit < depth; bit++) if (bitAt(a, bit) !== bitAt(b, bit)) return false;
  return true;
}

function changesOf(from: readonly Leaf[], to: readonly Leaf[]): DeltaChange[] {
  const before = new Map(from.map((leaf) => [leaf.keyHash.toString("hex"), leaf]));
  const after = new Set(to.map(({ keyHash }) => keyHash.toString("hex")));
  const changes: DeltaChange[] = [];
  for (const { keyHash, valueHash, item } of to) {
    const old = before.get(keyHash.toString("hex"))?.valueHash ?? null;
    if (old?.equals(valueHash) === true) continue;
    changes.push({ kind: "put", keyHash, valueHash, item, oldValueHash: old });
  }
  for (const { keyHash, valueHash } of from) {
    if (after.has(keyHash.toString("hex"))) continue;
    changes.push({ kind: "delete", keyHash, oldValueHash: valueHash });
  }
  return changes.sort((a, b) => compareKeyHash(a.keyHash, b.keyHash));
}

import { decodeStateItem, sha256 } from "@holdfast/merkle";
import { PhysicalNode } from "../state/physical-node.js";
import type { LeafSlot } from "../state/slot.js";
import type { Checkpoint } from "../state/state-reader.js";
import type { Findings } from "./fsck-finding.js";
import type { LmdbStoreReader } from "./lmdb-store-reader.js";
import { SHARDS } from "./schema.js";

/** Rows looked at in one step of the walk over all rows. */
const WALK_ROWS = 4_096;

/**
 * Checks the state at one checkpoint: every node against its children, every leaf against its row,
 * the root against the log, and that no row is without leaf. Memory: one path of nodes.
 */
export class StateCheck {
  readonly #reader: LmdbStoreReader;
  readonly #checkpoint: Checkpoint;
  readonly #findings: Findings;
  /** Nodes met, for each shard. */
  readonly nodes: number[] = new Array<number>(SHARDS).fill(0);
  #leaves = 0n;

  constructor(reader: LmdbStoreReader, checkpoint: Checkpoint, findings: Findings) {
    this.#reader = reader;
    this.#checkpoint = checkpoint;
    this.#findings = findings;
  }

  run(): void {
    const { version, root, stateRoot, items, bytes } = this.#checkpoint;
    this.#node("", root);
    const { subtree } = root;
    if (BigInt(subtree.items) !== items || BigInt(subtree.bytes) !== bytes) {
      this.#findings.add("counters", `items or bytes of checkpoint ${version} are not its tree's`);
    }
    const info = this.#reader.info(version);
    if (info?.stateRoot?.equals(stateRoot) !== true) {
      this.#findings.add("infos", `the state root in the info of ${version} is not the tree's`);
    }
    const rows = this.#countRows();
    if (rows !== this.#leaves) {
      this.#findings.add(
        "state",
        `at version ${version} there are ${rows} rows and ${this.#leaves} leaves`,
      );
    }
  }

  #node(path: string, node: PhysicalNode): void {
    const { version } = this.#checkpoint;
    if (!PhysicalNode.of(node.slots()).encoded.equals(node.encoded)) {
      this.#findings.add("nodes", `node ${path || "(root)"} at ${version}: a hash is wrong`);
    }
    for (const [index, slot] of node.slots().entries()) {
      const below = path + index.toString(16);
      if (slot.kind === "leaf") this.#leaf(below, slot);
      if (slot.kind !== "inner") continue;
      const child = this.#load(slot.version, below);
      if (child === null) continue;
      const shard = Number.parseInt(below[0] ?? "0", 16);
      this.nodes[shard] = (this.nodes[shard] ?? 0) + 1;
      const { node: top, items, bytes } = child.subtree;
      const isAsSaid =
        top.kind === "inner" &&
        top.hash.equals(slot.hash) &&
        items === slot.items &&
        bytes === slot.bytes;
      if (!isAsSaid) {
        this.#findings.add("nodes", `node ${below} of ${slot.version} is not what its parent says`);
      }
      this.#node(below, child);
    }
  }

  #load(version: bigint, path: string): PhysicalNode | null {
    try {
      return this.#reader.node(version, path);
    } catch (error) {
      this.#findings.add("nodes", `node ${path} of ${version}: ${messageOf(error)}`);
      return null;
    }
  }

  #leaf(path: string, leaf: LeafSlot): void {
    this.#leaves += 1n;
    const key = leaf.keyHash.toString("hex");
    if (!key.startsWith(path)) this.#findings.add("nodes", `leaf ${key} stands at ${path}`);
    const row = this.#reader.row(leaf.keyHash, this.#checkpoint.version);
    if (row === null) {
      this.#findings.add("state", `the row of ${key} at ${this.#checkpoint.version} is missing`);
      return;
    }
    try {
      const item = decodeStateItem(row);
      const isAsSaid =
        sha256(item.key).equals(leaf.keyHash) &&
        sha256(item.value).equals(leaf.valueHash) &&
        row.length === leaf.bytes;
      if (!isAsSaid) this.#findings.add("state", `the row of ${key} is not what its leaf says`);
    } catch (error) {
      this.#findings.add("state", `the row of ${key}: ${messageOf(error)}`);
    }
  }

  #countRows(): bigint {
    let rows = 0n;
    let after: Buffer | null = null;
    do {
      after = this.#reader.itemsBehind(after, this.#checkpoint.version, WALK_ROWS, () => {
        rows += 1n;
        return true;
      });
    } while (after !== null);
    return rows;
  }
}

/** The message of what was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

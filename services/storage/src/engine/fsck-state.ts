import { decodeStateItem, sha256 } from "@holdfast/merkle";
import { PhysicalNode } from "../state/physical-node.js";
import type { LeafSlot } from "../state/slot.js";
import type { Checkpoint } from "../state/state-reader.js";
import { type FsckRun, messageOf } from "./fsck-run.js";
import { SHARDS } from "./schema.js";

/** Rows looked at in one step of the walk over all rows. */
const WALK_ROWS = 4_096;

/**
 * Checks the state at one checkpoint: every node against its children, every leaf against its row,
 * the root against the log, and that no row is without leaf. Memory: one path of nodes.
 */
export class StateCheck {
  readonly #run: FsckRun;
  readonly #checkpoint: Checkpoint;
  /** Nodes met, for each shard. */
  readonly nodes: number[] = new Array<number>(SHARDS).fill(0);
  /** Nodes that could not be read, for each shard: what is below them is not known. */
  readonly unreadNodes: number[] = new Array<number>(SHARDS).fill(0);
  #leaves = 0n;

  constructor(run: FsckRun, checkpoint: Checkpoint) {
    this.#run = run;
    this.#checkpoint = checkpoint;
  }

  run(): void {
    const { version, root, items, bytes } = this.#checkpoint;
    this.#node("", root);
    const { subtree } = root;
    if (BigInt(subtree.items) !== items || BigInt(subtree.bytes) !== bytes) {
      this.#found("counters", `items or bytes of checkpoint ${version} are not its tree's`);
    }
    this.#run.attempt("infos", `the info of ${version}`, () => this.#checkInfo());
    this.#run.attempt("state", `the rows at version ${version}`, () => this.#checkRowCount());
  }

  #node(path: string, node: PhysicalNode): void {
    const { version } = this.#checkpoint;
    if (!PhysicalNode.of(node.slots()).encoded.equals(node.encoded)) {
      this.#found("nodes", `node ${path || "(root)"} at ${version}: a hash is wrong`);
    }
    for (const [index, slot] of node.slots().entries()) {
      const below = path + index.toString(16);
      if (slot.kind === "leaf") this.#leaf(below, slot);
      if (slot.kind !== "inner") continue;
      const child = this.#load(slot.version, below);
      const met = child === null ? this.unreadNodes : this.nodes;
      const shard = Number.parseInt(below[0] ?? "0", 16);
      met[shard] = (met[shard] ?? 0) + 1;
      if (child === null) continue;
      const { node: top, items, bytes } = child.subtree;
      const isAsSaid =
        top.kind === "inner" &&
        top.hash.equals(slot.hash) &&
        items === slot.items &&
        bytes === slot.bytes;
      if (!isAsSaid) {
        this.#found("nodes", `node ${below} of ${slot.version} is not what its parent says`);
      }
      this.#node(below, child);
    }
  }

  #load(version: bigint, path: string): PhysicalNode | null {
    const what = `node ${path} of ${version}`;
    return this.#run.attempt("nodes", what, () => this.#run.reader.node(version, path));
  }

  #leaf(path: string, leaf: LeafSlot): void {
    this.#leaves += 1n;
    const key = leaf.keyHash.toString("hex");
    if (!key.startsWith(path)) this.#found("nodes", `leaf ${key} stands at ${path}`);
    const { version } = this.#checkpoint;
    const found = this.#run.attempt("state", `the row of ${key} at ${version}`, () => ({
      row: this.#run.reader.row(leaf.keyHash, version),
    }));
    if (found === null) return;
    const { row } = found;
    if (row === null) {
      this.#found("state", `the row of ${key} at ${version} is missing`);
      return;
    }
    try {
      const item = decodeStateItem(row);
      const isAsSaid =
        sha256(item.key).equals(leaf.keyHash) &&
        sha256(item.value).equals(leaf.valueHash) &&
        row.length === leaf.bytes;
      if (!isAsSaid) this.#found("state", `the row of ${key} is not what its leaf says`);
    } catch (error) {
      this.#found("state", `the row of ${key}: ${messageOf(error)}`);
    }
  }

  #checkInfo(): void {
    const { version, stateRoot } = this.#checkpoint;
    if (this.#run.reader.info(version)?.stateRoot?.equals(stateRoot) === true) return;
    this.#found("infos", `the state root in the info of ${version} is not the tree's`);
  }

  #checkRowCount(): void {
    const { version } = this.#checkpoint;
    let rows = 0n;
    let after: Buffer | null = null;
    do {
      after = this.#run.reader.itemsBehind(after, version, WALK_ROWS, () => {
        rows += 1n;
        return true;
      });
    } while (after !== null);
    const unread = this.unreadNodes.reduce((sum, nodes) => sum + nodes);
    if (unread > 0) {
      const why = `tree nodes that could not be read: ${unread}`;
      this.#found(
        "state",
        `not checked: whether all ${rows} rows at ${version} have leaves (${why})`,
      );
      return;
    }
    if (rows === this.#leaves) return;
    this.#found("state", `at version ${version} there are ${rows} rows and ${this.#leaves} leaves`);
  }

  #found(where: string, what: string): void {
    this.#run.findings.add(where, what);
  }
}

import { type DeltaChange, readChange, TAG_CHANGE, writeChange } from "./delta-change.js";
import { foldDelta } from "./delta-fold.js";
import { type DeltaNodeMaker, type NextStep, walkDelta } from "./delta-walk.js";
import { END, ENTER, type FrontierStep, readStep, writeStep } from "./frontier-step.js";
import type { TreeNode } from "./tree-node.js";
import { WireReader, WireWriter } from "./wire.js";

/** What a delta chunk folds to. */
export interface FoldedDelta {
  /** The node of the subtree in the earlier state. */
  readonly fromNode: TreeNode;
  /** The node of the subtree in the later state. */
  readonly toNode: TreeNode;
  /** In ascending order of key hash; items and hashes are views of the body. */
  readonly changes: readonly DeltaChange[];
  readonly puts: number;
  readonly deletes: number;
}

/**
 * The later state, as the writer of a delta needs it. A place is under the tile's path: the first
 * `depth` (0..256) bits of `position`; the rest is zero. The position is reused: copy what you keep.
 */
export interface DeltaTree {
  /** The node of the subtree at a place. */
  node(position: Buffer, depth: number): TreeNode;
  /** Its kind alone, for which no node has to be made. */
  kind(position: Buffer, depth: number): TreeNode["kind"];
}

/** A delta tile, written. */
export interface DeltaBody {
  /** Fields `changes` and `frontier` of DeltaChunk as on the wire. */
  readonly body: Buffer;
  readonly fromNode: TreeNode;
  readonly toNode: TreeNode;
}

/**
 * Folds the body of a delta tile (fields `changes` and `frontier` of DeltaChunk as on the wire) to
 * the nodes of the subtree at `path` in both states. When these fold to both roots, the tile holds
 * the whole difference there and nothing else.
 * @throws PROOF_INVALID when the body is not the one encoding of a difference.
 */
export function foldDeltaChunk(path: string, body: Buffer): FoldedDelta {
  const reader = new WireReader(body);
  const changes: DeltaChange[] = [];
  while (reader.tag === TAG_CHANGE) changes.push(readChange(reader));
  const { from, to } = foldDelta(path, changes, () => readStep(reader));
  reader.done();
  const puts = changes.filter((change) => change.kind === "put").length;
  return { fromNode: from, toNode: to, changes, puts, deletes: changes.length - puts };
}

/**
 * Writes the body of a delta tile from its changes (at least one, ascending by key hash, each a
 * real difference) and the later state, and folds it.
 * @throws PROOF_INVALID when the changes do not fit the path or do not ascend.
 */
export function encodeDeltaBody(
  path: string,
  changes: readonly DeltaChange[],
  view: DeltaTree,
): DeltaBody {
  const body = new WireWriter();
  for (const change of changes) writeChange(body, change);
  const { from, to } = foldDelta(path, changes, frontierOf(view, body));
  return { body: body.finish(), fromNode: from, toNode: to };
}

/**
 * The same body without the fold, for who has the nodes of both states already: a third cheaper.
 * @param body what is in it is lost, so that its memory serves for many tiles.
 * @returns a view of it.
 * @throws PROOF_INVALID like `encodeDeltaBody`.
 */
export function writeDeltaBody(
  path: string,
  changes: readonly DeltaChange[],
  view: DeltaTree,
  body: WireWriter,
): Buffer {
  body.clear();
  for (const change of changes) writeChange(body, change);
  walkDelta(path, changes, frontierOf(view, body), NO_NODES);
  return body.finish();
}

const NO_NODES: DeltaNodeMaker<null> = {
  empty: null,
  leaf: () => null,
  inner: () => null,
  combine: () => null,
};

/** Answers the steps of the walk from the later state, and writes them down. */
function frontierOf(view: DeltaTree, body: WireWriter): NextStep {
  return (position, depth, change) => {
    const step =
      change === null
        ? view.node(position, depth)
        : loneStep(change.kind, view.kind(position, depth));
    writeStep(body, step);
    return step;
  };
}

/** A changed key is alone where what was put is the only key, or where a deletion left none. */
function loneStep(change: DeltaChange["kind"], kind: TreeNode["kind"]): FrontierStep {
  return kind === (change === "put" ? "leaf" : "empty") ? END : ENTER;
}

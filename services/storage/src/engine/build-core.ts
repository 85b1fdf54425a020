import { HoldfastError } from "@holdfast/core";
import {
  decodeTransactionInfo,
  frontierOfStateRootProof,
  type LogNode,
  rootOf,
} from "@holdfast/merkle";
import { fenced } from "../lease/lease-errors.js";
import type { PendingTiles, WrittenTiles } from "../restore/generation-builder.js";
import { completeLogNodes } from "../restore/log-nodes.js";
import { PlanCheck } from "../restore/plan-check.js";
import { decodePlanRow, isDone, type PlanTile } from "../restore/plan-row.js";
import type { ProvedBatch } from "../restore/tile-prover.js";
import { UpperFold } from "../restore/upper-fold.js";
import type { PhysicalNode } from "../state/physical-node.js";
import type { BuildRequest } from "./build-messages.js";
import { removeBuildRows } from "./build-rows.js";
import { encodeCheckpoint } from "./checkpoint-codec.js";
import type { GenerationEnv } from "./generation-env.js";
import { GENERATION_FORMAT, logKey, META, nodeKey, SHARDS, u64 } from "./schema.js";
import { type CheckedBatch, TileWriter } from "./tile-writer.js";

/** Rows of the plan, and nodes above the tiles, written in one transaction at most. */
const ROWS_MAX = 10_000;

type Begin = Extract<BuildRequest, { kind: "beginPlan" }>;
type Complete = Extract<BuildRequest, { kind: "complete" }>;

/** One batch that waits to be written, and how its caller hears of it. */
export interface WriteJob {
  readonly token: bigint;
  readonly batch: ProvedBatch;
  readonly done: (written: WrittenTiles) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Builds one generation in the thread that owns it. Every transaction that writes compares the
 * `owner` row first: who was fenced writes nothing any more.
 */
export class BuildCore {
  readonly #env: GenerationEnv;
  #plan: PlanCheck | null = null;
  /** Rows of the plan that wait to be written. */
  #planRows: { key: Buffer; value: Buffer }[] = [];
  #writer: TileWriter | null = null;
  /** Tiles of the plan, and those of them that are durable. */
  #tiles = 0;
  #done = 0;

  constructor(env: GenerationEnv) {
    this.#env = env;
    for (const { value } of env.restoreTiles.getRange({})) {
      this.#tiles += 1;
      if (isDone(value)) this.#done += 1;
    }
  }

  /** Begins the plan of a new generation. */
  beginPlan({ totals, head }: Begin): void {
    this.#plan = new PlanCheck({ ...totals, stateRoot: Buffer.from(totals.stateRoot) }, head);
    this.#env.root.transactionSync(() => {
      const { meta } = this.#env;
      meta.putSync(META.format, u32(GENERATION_FORMAT));
      meta.putSync(META.restorePlan, Buffer.from(head));
    });
  }

  /** @throws PROOF_INVALID. */
  addPlan(tiles: readonly PlanTile[]): void {
    const plan = this.#plan;
    if (plan === null) throw new Error("no plan was begun");
    for (const tile of tiles) {
      this.#planRows.push({ key: Buffer.from(tile.path), value: plan.add(withBuffers(tile)) });
    }
    if (this.#planRows.length >= ROWS_MAX) this.#writePlanRows();
  }

  /** The plan is durable; answers its digest. @throws PROOF_INVALID. */
  endPlan(): Buffer {
    const plan = this.#plan;
    if (plan === null) throw new Error("no plan was begun");
    this.#plan = null;
    this.#writePlanRows();
    return plan.finish();
  }

  /** Makes `token` the owner; answers how many tiles are durable. */
  own(token: bigint): number {
    this.#env.root.transactionSync(() => this.#env.meta.putSync(META.owner, u64(token)));
    return this.#done;
  }

  /** Writes all these batches in one transaction; a batch that is wrong is left out of it. */
  write(jobs: readonly WriteJob[], version: bigint): void {
    this.#writer ??= new TileWriter(this.#env, version);
    const writer = this.#writer;
    const written: { job: WriteJob; checked: CheckedBatch }[] = [];
    try {
      this.#env.root.transactionSync(() => {
        for (const job of jobs) {
          try {
            this.#checkOwner(job.token);
            const checked = writer.check(job.batch);
            written.push({ job, checked });
          } catch (error) {
            job.failed(error);
            continue;
          }
          const last = written.at(-1);
          // A child: LMDB searches and sorts the pages a transaction has touched, and its are few.
          if (last !== undefined) {
            this.#env.root.transactionSync(() => writer.write(last.checked));
          }
        }
      });
    } catch (error) {
      writer.rolledBack();
      for (const { job } of written) job.failed(error);
      return;
    }
    for (const { job, checked } of written) {
      this.#done += checked.missing.length;
      job.done({ written: checked.missing.length, done: this.#done });
    }
  }

  /** Paths behind `after` whose tiles are not durable. */
  pending(after: string, limit: number): PendingTiles {
    const paths: string[] = [];
    // No path of a plan is a prefix of another, so what follows comes behind this.
    const from = after === "" ? {} : { start: Buffer.from(`${after}\0`) };
    for (const { key, value } of this.#env.restoreTiles.getRange(from)) {
      if (paths.length === limit) break;
      if (!isDone(value)) paths.push(key.toString());
    }
    return { paths, done: this.#done };
  }

  /** @throws RESTORE_INCOMPLETE, FENCED, PROOF_INVALID. */
  complete(request: Complete): void {
    const info = decodeTransactionInfo(Buffer.from(request.info));
    const { version } = info;
    this.#checkWhole();
    const root = this.#writeUpperNodes(request.token, version);
    if (info.stateRoot === null || !rootOf(root.subtree.node).equals(info.stateRoot)) {
      throw new HoldfastError("PROOF_INVALID", "The restored tiles do not fold to the root.");
    }
    const siblings = request.logSiblings.map((sibling) => Buffer.from(sibling));
    const frontier = frontierOfStateRootProof(info, siblings);
    const logNodes: LogNode[] = completeLogNodes(info, siblings);
    if (frontier.size !== version + 1n) throw new Error("the frontier has another size");
    this.#env.root.transactionSync(() => {
      this.#checkOwner(request.token);
      const { meta, log, infos, checkpoints } = this.#env;
      for (const { level, index, hash } of logNodes) log.putSync(logKey(level, index), hash);
      infos.putSync(u64(version), Buffer.from(request.info));
      const shardJournalEntries = new Array<bigint>(SHARDS).fill(0n);
      const checkpoint = { timeUs: info.commitTimeUs, shardJournalEntries, root };
      checkpoints.putSync(u64(version), encodeCheckpoint(checkpoint));
      meta.putSync(META.ledgerId, Buffer.from(request.ledgerId));
      meta.putSync(META.histories, Buffer.from(request.histories));
      meta.putSync(META.timeUs, u64(info.commitTimeUs));
      meta.putSync(META.oldestState, u64(version));
      meta.putSync(META.prunedState, u64(version));
      meta.putSync(META.oldestJournal, u64(version));
      meta.putSync(META.oldestTransaction, u64(version + 1n));
      meta.putSync(META.committed, u64(version));
    });
  }

  /** Removes what only a generation under way has. */
  tidy(): void {
    removeBuildRows(this.#env);
  }

  #writePlanRows(): void {
    const rows = this.#planRows;
    this.#planRows = [];
    this.#env.root.transactionSync(() => {
      for (const { key, value } of rows) this.#env.restoreTiles.putSync(key, value);
    });
    this.#tiles += rows.length;
  }

  #checkWhole(): void {
    const missing = this.#tiles - this.#done;
    if (missing === 0) return;
    const [first = ""] = this.pending("", 1).paths;
    throw new HoldfastError(
      "RESTORE_INCOMPLETE",
      `${missing} tiles are missing, the first is ${first}. Upload them, then finish.`,
      { metadata: { missing: `${missing}`, path: first } },
    );
  }

  #writeUpperNodes(token: bigint, version: bigint): PhysicalNode {
    const waiting: { key: Buffer; value: Buffer }[] = [];
    const flush = (): void => {
      this.#env.root.transactionSync(() => {
        this.#checkOwner(token);
        for (const { key, value } of waiting) {
          this.#env.nodes[(key[9] ?? 0) >> 4]?.putSync(key, value);
        }
      });
      waiting.length = 0;
    };
    const fold = new UpperFold(version, (path, node) => {
      waiting.push({ key: nodeKey(version, path), value: node.encoded });
      if (waiting.length === ROWS_MAX) flush();
    });
    for (const { key, value } of this.#env.restoreTiles.getRange({})) {
      fold.add(decodePlanRow(key.toString(), value).tile);
    }
    const root = fold.finish();
    flush();
    return root;
  }

  #checkOwner(token: bigint): void {
    const owner = this.#env.meta.get(META.owner)?.readBigUInt64BE() ?? 0n;
    if (owner !== token) throw fenced(token, owner);
  }
}

/** A structured clone makes plain Uint8Arrays of Buffers. */
function withBuffers(tile: PlanTile): PlanTile {
  const { node } = tile;
  switch (node.kind) {
    case "empty":
      return tile;
    case "leaf": {
      const keyHash = Buffer.from(node.keyHash);
      return { ...tile, node: { kind: "leaf", keyHash, valueHash: Buffer.from(node.valueHash) } };
    }
    case "inner":
      return { ...tile, node: { kind: "inner", hash: Buffer.from(node.hash) } };
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

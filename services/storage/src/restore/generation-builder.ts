import type { TransactionInfo } from "@holdfast/merkle";
import type { History } from "../state/state-reader.js";
import type { PlanTotals } from "./plan-check.js";
import type { PlanTile } from "./plan-row.js";
import type { ProvedBatch } from "./tile-prover.js";

/**
 * Writes one generation that is not live yet. Each transaction compares the `owner` row first, so
 * that who was fenced changes nothing any more.
 */
export interface GenerationBuilder {
  /** Begins the plan of a new generation; `head` is part of its digest. */
  beginPlan(totals: PlanTotals, head: Uint8Array): Promise<void>;
  /** Takes the plan's next tiles, ascending. @throws PROOF_INVALID. */
  addPlan(tiles: readonly PlanTile[]): Promise<void>;
  /**
   * The plan is complete and durable.
   * @returns its digest.
   * @throws PROOF_INVALID.
   */
  endPlan(): Promise<Buffer>;
  /** Makes `token` the owner; answers how many tiles are durable. */
  own(token: bigint): Promise<number>;
  /**
   * Writes the tiles of a batch that are not there yet; durable when it resolves. All or none.
   * @throws FENCED; PROOF_INVALID for a tile that is not in the plan or not as in the plan.
   */
  write(token: bigint, batch: ProvedBatch): Promise<WrittenTiles>;
  /** Paths behind `after` ("" = from the start) whose tiles are not durable yet, ascending. */
  pending(after: string, limit: number): Promise<PendingTiles>;
  /**
   * Makes the generation whole: nodes above the tiles, log, infos, meta. May be repeated.
   * @throws RESTORE_INCOMPLETE, FENCED; PROOF_INVALID when the root is another.
   */
  complete(token: bigint, completion: Completion): Promise<void>;
  /** Removes what only a generation under way has. */
  tidy(): Promise<void>;
  /** Ends; nobody else may have the generation open when its files are to go. */
  close(): Promise<void>;
}

/** Which tiles are missing. */
export interface PendingTiles {
  readonly paths: readonly string[];
  /** Tiles of the plan that are durable. */
  readonly done: number;
}

/** How far a write came. */
export interface WrittenTiles {
  /** Tiles that this call wrote. */
  readonly written: number;
  /** Tiles of the plan that are durable. */
  readonly done: number;
}

/** What a restored generation holds besides its state. */
export interface Completion {
  readonly ledgerId: Buffer;
  /** The new history first. */
  readonly histories: readonly History[];
  readonly info: TransactionInfo;
  /** Audit path of the info as the last leaf, deepest first. */
  readonly logSiblings: readonly Buffer[];
}

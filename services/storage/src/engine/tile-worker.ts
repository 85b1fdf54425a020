import { parentPort } from "node:worker_threads";
import { prepareFoldChunk } from "@holdfast/merkle";
import {
  type ProvedBatch,
  type TileBatch,
  TileProver,
  transferList,
} from "../restore/tile-prover.js";
import { type PackedError, packError } from "./worker-error.js";

/** A batch to prove. */
export interface TileJob {
  readonly version: bigint;
  readonly batch: TileBatch;
}

/** What became of it. */
export type TileResult =
  | { readonly kind: "proved"; readonly batch: ProvedBatch }
  | { readonly kind: "refused"; readonly error: PackedError };

/** The prover of the version that was proved last; a restore has one version. */
let prover: { readonly version: bigint; readonly prover: TileProver } | null = null;

prepareFoldChunk();

parentPort?.on("message", ({ version, batch }: TileJob) => {
  if (prover?.version !== version) prover = { version, prover: new TileProver(version) };
  let result: TileResult;
  let moved: ArrayBuffer[] = [];
  try {
    const proved = prover.prover.prove(batch);
    result = { kind: "proved", batch: proved };
    moved = transferList(proved);
  } catch (error) {
    result = { kind: "refused", error: packError(error) };
  }
  parentPort?.postMessage(result, moved);
});

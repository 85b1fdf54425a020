import { parentPort } from "node:worker_threads";
import { prepareFoldChunk, prepareFoldDelta } from "@holdfast/merkle";
import { type FoldJob, runFoldJob } from "./fold-jobs.js";

/** What the pool sends: a job and its bytes, in a buffer which goes back with the answer. */
export interface FoldRequest {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  readonly start: number;
  readonly length: number;
  readonly job: FoldJob;
}

// While the first tile is on its way.
prepareFoldDelta();
prepareFoldChunk();

parentPort?.on("message", ({ id, buffer, start, length, job }: FoldRequest) => {
  const result = runFoldJob(Buffer.from(buffer, start, length), job);
  parentPort?.postMessage({ id, buffer, result }, [buffer]);
});

import { parentPort } from "node:worker_threads";
import { prepareFoldChunk, prepareFoldDelta } from "@holdfast/merkle";
import { type FoldTask, runFoldTasks } from "./fold-jobs.js";

/** What the pool sends: bodies in one buffer, which goes back with the answer. */
export interface FoldRequest {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  readonly tasks: readonly FoldTask[];
}

// While the first tile is on its way.
prepareFoldDelta();
prepareFoldChunk();

parentPort?.on("message", ({ id, buffer, tasks }: FoldRequest) => {
  const bytes = Buffer.from(buffer);
  const folded = runFoldTasks(bytes, tasks);
  parentPort?.postMessage({ id, buffer, folded }, [buffer]);
});

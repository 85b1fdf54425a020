import { strict as assert } from "node:assert";
import { parentPort } from "node:worker_threads";
import { giveWay } from "@holdfast/core";
import { type GatheredChanges, memoryIn as memoryOfGathered } from "../state/gathered-changes.js";
import type {
  AnswerMessage,
  ChangesResult,
  EndMessage,
  FrameResult,
  JobMessage,
  ScanJob,
  ScanResult,
} from "./scan-job.js";
import { Scans } from "./scans.js";
import { packError } from "./worker-error.js";

// A scan thread: takes one job at a time from the pool (scan-pool.ts) and answers each.

// Commits come before backups.
giveWay();
const port = parentPort;
assert.ok(port, "this file runs as a worker thread");
const scans = new Scans();

port.on("message", (message: JobMessage | EndMessage) => {
  // What goes wrong beyond the job itself ends the thread, and the pool with it.
  void (message.job === null ? end() : serve(message));
});

async function serve(message: JobMessage): Promise<void> {
  const reply = await answer(message).catch(
    (error: unknown): AnswerMessage => ({ error: packError(error) }),
  );
  port?.postMessage(reply, memoryIn(reply));
  // Until the next job is here there is nothing else to do.
  scans.goAhead();
}

async function answer({ job, cancel }: JobMessage): Promise<AnswerMessage> {
  return { result: await scans.run(job, () => Atomics.load(cancel, 0) !== 0) };
}

async function end(): Promise<void> {
  await scans.close();
  port?.close();
}

/** What goes over to the other thread instead of being copied. */
function memoryIn(reply: AnswerMessage): ArrayBuffer[] {
  if ("error" in reply || reply.result === undefined) return [];
  const { result } = reply;
  const memory: ArrayBuffer[] = [];
  for (const filled of framesIn(result)) {
    if (filled.frame !== null) memory.push(filled.frame.memory);
    if (hasGathered(filled)) memory.push(...memoryOfGathered(filled.gathered));
  }
  return memory;
}

function hasGathered(
  result: FrameResult,
): result is ChangesResult & { readonly gathered: GatheredChanges } {
  return "gathered" in result && result.gathered !== null;
}

function framesIn(result: NonNullable<ScanResult<ScanJob>>): readonly FrameResult[] {
  if ("frame" in result) return [result];
  return Array.isArray(result) ? (result as readonly FrameResult[]) : [];
}

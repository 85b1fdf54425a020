import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { type ProvedBatch, transferList } from "../restore/tile-prover.js";
import { BuildCore, type WriteJob } from "./build-core.js";
import type {
  BuildReply,
  BuildRequest,
  BuildThreadData,
  NumberedRequest,
} from "./build-messages.js";
import { openGenerationEnv } from "./generation-env.js";
import { packError } from "./worker-error.js";

/** Batches that came in meanwhile share a transaction up to this many bytes of items. */
const GROUP_BYTES_MAX: number = 16 * 2 ** 20;

const { path, version } = workerData as BuildThreadData;
const env = openGenerationEnv(path);
const core = new BuildCore(env);
/** Bounded by its callers: at most 4 uploads of 4 MiB each. */
const writes: WriteJob[] = [];
let isScheduled = false;

parentPort?.on("message", ({ id, request }: NumberedRequest) => {
  const reply = (message: BuildReply): void => parentPort?.postMessage(message);
  const done = (value: unknown): void => reply({ kind: "done", id, value });
  const failed = (error: unknown): void => reply({ kind: "failed", id, error: packError(error) });
  if (request.kind === "write") {
    writes.push({ token: request.token, batch: request.batch, done, failed });
    if (!isScheduled) setImmediate(flush);
    isScheduled = true;
    return;
  }
  // In order: what was asked before is written first.
  flush();
  if (request.kind === "close") {
    env.close().then(
      () => {
        done(null);
        parentPort?.close();
      },
      (error: unknown) => failed(error),
    );
    return;
  }
  try {
    done(answer(request));
  } catch (error) {
    failed(error);
  }
});

function answer(request: Exclude<BuildRequest, { kind: "write" | "close" }>): unknown {
  switch (request.kind) {
    case "open":
      return null;
    case "beginPlan":
      return core.beginPlan(request);
    case "addPlan":
      return core.addPlan(request.tiles);
    case "endPlan":
      return core.endPlan();
    case "own":
      return core.own(request.token);
    case "pending":
      return core.pending(request.after, request.limit);
    case "complete":
      core.complete(request);
      // A power cut must not lose the folder of what the control database is about to name live.
      syncFolder(path);
      return syncFolder(dirname(path));
    case "tidy":
      return core.tidy();
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function flush(): void {
  isScheduled = false;
  while (writes.length > 0) {
    let bytes = 0;
    let count = 0;
    while (count < writes.length && bytes < GROUP_BYTES_MAX) {
      bytes += writes[count]?.batch.body.length ?? 0;
      count += 1;
    }
    const group = writes.splice(0, count);
    core.write(group, version);
    for (const { batch } of group) free(batch);
  }
}

/**
 * Takes the memory of a batch away from it. A batch that waited for the disk is of the old
 * generation by now, where V8 would collect it when 64 MiB of them have come together.
 */
function free(batch: ProvedBatch): void {
  structuredClone(null, { transfer: transferList(batch) });
}

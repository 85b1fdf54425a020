import { writeSync } from "node:fs";
import { goFirst } from "@holdfast/core";
import { runProcess, UsageError } from "@holdfast/process";
import { calmCollector, limitStreamBuffers } from "@holdfast/rpc";
import { fsckConfig, storageConfig } from "./config.js";
import { compileInThreads } from "./engine/compile-in-threads.js";
import { fsckChild, runFsck } from "./fsck-main.js";
import { startStorageServer } from "./storage-server.js";

const [command, ...rest] = process.argv.slice(2);
/** Half of what a gateway has is as fast here, and a long restore takes less memory. */
const HEAP_GROWING_PERCENT = 200;
/** Says to the process that it is the child of a check. */
const CHILD_VARIABLE = "HOLDFAST_FSCK_CHILD";

if (command === "fsck") {
  process.exit(await fsck());
} else {
  // Commits would wait for each other's fsync.
  if (process.env["UV_THREADPOOL_SIZE"] === undefined) {
    writeSync(2, "UV_THREADPOOL_SIZE is not set: start bin/holdfast-storage.cjs instead\n");
  }
  limitStreamBuffers();
  calmCollector(HEAP_GROWING_PERCENT);
  compileInThreads();
  // Before any thread is started: they begin with the priority of this one.
  goFirst();
  await runProcess({
    name: "holdfast-storage",
    configure: storageConfig,
    start: startStorageServer,
  });
}

async function fsck(): Promise<number> {
  const print = (line: string): void => void writeSync(1, `${line}\n`);
  try {
    const { dataDir } = fsckConfig(rest);
    if (process.env[CHILD_VARIABLE] !== undefined) return await fsckChild(dataDir, print);
    process.env[CHILD_VARIABLE] = "1";
    return runFsck(dataDir, [process.execPath, ...process.argv.slice(1)], print);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    writeSync(error.exitCode === 0 ? 1 : 2, `${error.message}\n`);
    return error.exitCode;
  }
}

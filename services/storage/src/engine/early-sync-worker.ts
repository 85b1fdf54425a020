// The thread of early-sync.ts.
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { EARLY_SYNC, type EarlySyncData } from "./early-sync.js";

const { file, shared } = workerData as EarlySyncData;
const order = new Int32Array(shared);

try {
  const descriptor = openSync(file, "r");
  try {
    for (;;) {
      Atomics.wait(order, 0, EARLY_SYNC.rest);
      const told = Atomics.load(order, 0);
      if (told === EARLY_SYNC.stop) break;
      if (told !== EARLY_SYNC.sync) continue;
      fdatasyncSync(descriptor);
      Atomics.add(order, 1, 1);
    }
  } finally {
    closeSync(descriptor);
  }
} catch {
  // Nobody needs this thread; and a disk that fails tells LMDB the same.
}

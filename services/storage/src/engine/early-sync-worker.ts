// The thread of early-sync.ts.
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { EARLY_SYNC, EARLY_SYNC_AT, type EarlySyncData } from "./early-sync.js";

const { file, shared } = workerData as EarlySyncData;
const numbers = new Int32Array(shared);
const descriptor = openSync(file, "r");

try {
  while (syncWhenTold());
} catch {
  Atomics.store(numbers, EARLY_SYNC_AT.failed, 1);
} finally {
  closeSync(descriptor);
}

/** @returns false when there is no more to do. */
function syncWhenTold(): boolean {
  Atomics.wait(numbers, EARLY_SYNC_AT.order, EARLY_SYNC.rest);
  const order = Atomics.load(numbers, EARLY_SYNC_AT.order);
  if (order === EARLY_SYNC.sync) {
    fdatasyncSync(descriptor);
    Atomics.add(numbers, EARLY_SYNC_AT.syncs, 1);
  }
  return order !== EARLY_SYNC.stop;
}

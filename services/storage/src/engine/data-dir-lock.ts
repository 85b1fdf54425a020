import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { HoldfastError } from "@holdfast/core";

/** Where the child process finds the descriptor. */
const CHILD_FD = 3;
/** flock's exit code when somebody else holds the lock. */
const HELD = 1;

/**
 * Takes the lock of a data directory: flock(1) locks a descriptor that it inherits, and the lock
 * stays with the open file for as long as this process lives. The kernel drops it at any death, so
 * that nobody ever has to delete a file.
 * @returns gives the lock up.
 * @throws ENGINE_FAILED when another process holds it.
 */
export function lockDataDir(file: string): () => void {
  const descriptor = openSync(file, "a");
  const { status, error } = spawnSync("flock", ["-n", "-x", String(CHILD_FD)], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
  });
  if (status === 0) return () => closeSync(descriptor);
  closeSync(descriptor);
  if (status === HELD) {
    throw new HoldfastError(
      "ENGINE_FAILED",
      `Another process holds the lock ${file}: one process owns a data directory. Stop it first.`,
      { metadata: { file } },
    );
  }
  throw new HoldfastError("ENGINE_FAILED", `The lock ${file} cannot be taken with flock(1).`, {
    metadata: { file },
    cause: error ?? new Error(`flock ended with ${status}`),
  });
}

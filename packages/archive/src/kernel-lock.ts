import { spawn } from "node:child_process";
import { ArchiveError } from "./archive-error.js";

/** What flock(1) is told to exit with when another holds the lock. */
const HELD_EXIT_CODE = 75;
/** Bytes of flock's complaint that are kept. */
const COMPLAINT_BYTES_MAX = 1_000;

/**
 * Takes an exclusive lock on an open file: flock(1) of util-linux locks the open file description
 * that it inherits, which this process keeps, so that the kernel drops the lock when the file is
 * closed or the process ends in any way.
 * @returns false when another still holds it after `waitSeconds`.
 * @throws ArchiveError LOCK_UNAVAILABLE.
 */
export function lockOpenFile(fd: number, waitSeconds: number): Promise<boolean> {
  const how = waitSeconds === 0 ? ["-n"] : ["-w", String(waitSeconds)];
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-x", ...how, "-E", String(HELD_EXIT_CODE), "3"], {
      stdio: ["ignore", "ignore", "pipe", fd],
    });
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(0, COMPLAINT_BYTES_MAX);
    });
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      const message = missing
        ? "flock(1) was not found; install util-linux, archives are locked with it."
        : `flock(1) could not be started: ${error.message}.`;
      reject(new ArchiveError("LOCK_UNAVAILABLE", message, {}, error));
    });
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(true);
      if (code === HELD_EXIT_CODE) return resolve(false);
      const ended = signal === null ? `exited with ${code}` : `was ended by ${signal}`;
      const message = `flock(1) ${ended}: ${complaint.trim() || "no message"}.`;
      reject(new ArchiveError("LOCK_UNAVAILABLE", message));
    });
  });
}

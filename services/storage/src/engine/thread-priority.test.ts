// Goal: threads that scan give way to those that commit, these go first where the system permits
// it, and the rest of the process keeps its priority.
// Method: real threads; the priorities of all threads of this process, as Linux tells them.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";
import test from "node:test";
import { systemClock } from "@holdfast/core";
import { temporaryDirectory } from "@holdfast/testing";
import { CommitThreads } from "./commit-threads.js";
import { ScanPool } from "./scan-pool.js";

const { PRIORITY_HIGHEST, PRIORITY_LOW } = constants.priority;
const BEFORE: number = getPriority();
const BEHIND: number = Math.min(BEFORE + 10, PRIORITY_LOW);
const FIRST: number = Math.max(BEFORE - 7, PRIORITY_HIGHEST);
const isLinux: boolean = process.platform === "linux";
/** Where /proc/TID/stat has a thread's nice value, behind its name (proc(5)). */
const STAT_NICE = 16;

function threadsAt(nice: number): number {
  const stats = readdirSync("/proc/self/task").map((id) =>
    readFileSync(`/proc/self/task/${id}/stat`, "latin1"),
  );
  return stats.filter((stat) => {
    const behindName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(behindName[STAT_NICE]) === nice;
  }).length;
}

/** Whether threads of this process may go first. */
function isPermitted(): boolean {
  try {
    setPriority(FIRST);
  } catch {
    return false;
  }
  setPriority(BEFORE);
  return true;
}

test("scan threads give way", async () => {
  // They alone do not keep a process alive.
  const alive = setInterval(() => undefined, 1_000);
  const onFailure = (error: unknown): void => assert.fail(`${error}`);
  const pool = new ScanPool({ threads: 2, waitingMax: 1 }, { onFailure });
  // They have their priority before they can answer anything.
  await pool.closeGeneration("none");
  if (isLinux) assert.equal(threadsAt(BEHIND), 2);
  assert.equal(getPriority(), BEFORE);
  await pool.close();
  clearInterval(alive);
});

test("commit threads go first where that is permitted, and work where it is not", async () => {
  const isFirst = isLinux && isPermitted();
  await using folder = await temporaryDirectory();
  const onFailure = (error: Error): void => assert.fail(error);
  const threads = await CommitThreads.start(folder.path, { clock: systemClock, onFailure });
  // The writer, too, has answered.
  await threads.moveTo(`${folder.path}/moved`);
  if (isLinux) assert.equal(threadsAt(FIRST), isFirst ? 2 : 0);
  assert.equal(getPriority(), BEFORE);
  await threads.close();
});

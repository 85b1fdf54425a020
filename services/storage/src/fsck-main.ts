import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ControlEnv } from "./engine/control-env.js";
import { generationsIn, liveOf } from "./engine/data-dir.js";
import { lockDataDir } from "./engine/data-dir-lock.js";
import { hasNoData } from "./engine/data-file-head.js";
import { checkGeneration } from "./engine/fsck.js";
import { messageOf } from "./engine/fsck-run.js";
import { openGenerationForCheck } from "./engine/generation-env.js";
import { META } from "./engine/schema.js";

const CLEAN = 0;
const FAILED = 1;
const DAMAGED = 3;

/** Where the lines go. */
export type Print = (line: string) => void;

/**
 * Checks a stopped store, in a child process: a damaged file can end the process that maps it.
 * @param command how to run `fsckChild` in a process: program and arguments.
 * @returns the exit code: 0 clean, 3 damaged, 1 it could not be checked.
 */
export function runFsck(dataDir: string, command: readonly string[], print: Print): number {
  const lock = join(dataDir, "LOCK");
  if (!existsSync(lock)) {
    print(`${dataDir} holds no store`);
    return FAILED;
  }
  let unlock: () => void;
  try {
    unlock = lockDataDir(lock);
  } catch (error) {
    print(messageOf(error));
    return FAILED;
  }
  const [program = "", ...args] = command;
  const { status, signal, error } = spawnSync(program, args, { stdio: ["ignore", 1, 2] });
  unlock();
  if (error !== undefined) throw error;
  if (signal === null) return status ?? FAILED;
  print(`environment: it cannot be read to its end (the check ended by ${signal})`);
  return DAMAGED;
}

/** Checks a store that the caller has locked; prints a line for each finding, and a last one. */
export async function fsckChild(dataDir: string, print: Print): Promise<number> {
  try {
    const control = ControlEnv.open(join(dataDir, "control"));
    const generations = await generationsIn(dataDir);
    const named = liveOf(control, generations);
    await control.close();
    // A crash may have come before the first one was named, but not before its first block.
    const live = named ?? generations.at(-1) ?? null;
    const path = join(dataDir, "generations", String(live));
    if (live === null || (named === null && hasNoData(path))) return empty(print);
    const env = openGenerationForCheck(path);
    if (named === null && env.meta.get(META.committed) === undefined) {
      await env.close();
      return empty(print);
    }
    const findings = checkGeneration(env, ({ where, what }) => print(`${where}: ${what}`));
    await env.close();
    if (named === null) print(`control: it names no live generation; ${live} was checked`);
    const count = findings.count + (named === null ? 1 : 0);
    if (count === 0) {
      print(`clean: generation ${live}`);
      return CLEAN;
    }
    print(count === 1 ? "1 finding" : `${count} findings`);
    return DAMAGED;
  } catch (error) {
    // LMDB found its own pages damaged.
    print(`environment: ${messageOf(error)}`);
    return DAMAGED;
  }
}

function empty(print: Print): number {
  print("clean: the store is empty");
  return CLEAN;
}

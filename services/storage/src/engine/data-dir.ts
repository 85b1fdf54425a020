import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError, makeFolders } from "@holdfast/core";
import { removeBuildRows } from "./build-rows.js";
import { ControlEnv } from "./control-env.js";
import { lockDataDir } from "./data-dir-lock.js";
import { checkDataFile } from "./data-file-head.js";
import { freeDiskBytes } from "./disk-guard.js";
import { type GenerationEnv, openGenerationEnv } from "./generation-env.js";
import { pageDamage } from "./page-damage.js";
import { GENERATION_FORMAT, META } from "./schema.js";

/**
 * A data directory, held by this process alone:
 *
 *   LOCK             held by the kernel for as long as the process lives
 *   control/         leases, restore sessions, live = N
 *   generations/N/   one environment each
 */
export class DataDir {
  readonly path: string;
  readonly control: ControlEnv;
  readonly #unlock: () => void;

  private constructor(path: string, control: ControlEnv, unlock: () => void) {
    this.path = path;
    this.control = control;
    this.#unlock = unlock;
  }

  /**
   * Opens a data directory, or makes it.
   * @throws ENGINE_FAILED when it cannot be made, is locked, holds something else, or its format is
   * newer than this program's; ROW_CORRUPT.
   */
  static async open(path: string): Promise<DataDir> {
    await makePart(path, path);
    await requireStoreOrNothing(path);
    await makePart(path, join(path, "generations"));
    const unlock = lockDataDir(join(path, "LOCK"));
    try {
      return new DataDir(path, ControlEnv.open(join(path, "control")), unlock);
    } catch (error) {
      unlock();
      throw pageDamage(error);
    }
  }

  /**
   * Opens the live generation in this thread; a new data directory gets its first, empty one.
   * @throws ENGINE_FAILED (format), ROW_CORRUPT.
   */
  async openLive(): Promise<{ readonly number: number; readonly env: GenerationEnv }> {
    try {
      const live = liveOf(this.control, await this.generations());
      const number = live ?? FIRST;
      if (live !== null) checkDataFile(this.generationPath(live));
      const env = await this.openGeneration(number);
      if (live === null) await this.control.setLive(number);
      removeBuildRows(env);
      return { number, env };
    } catch (error) {
      throw pageDamage(error);
    }
  }

  /** Opens generation `number` in this thread, or makes it. @throws ENGINE_FAILED (format). */
  async openGeneration(number: number): Promise<GenerationEnv> {
    const env = openGenerationEnv(this.generationPath(number));
    try {
      checkFormat(env);
    } catch (error) {
      await env.close();
      throw error;
    }
    return env;
  }

  /** The folder of generation `number`. */
  generationPath(number: number): string {
    return join(this.path, "generations", String(number));
  }

  /** Numbers of the generations there are, ascending. */
  generations(): Promise<number[]> {
    return generationsIn(this.path);
  }

  /** Removes a generation that nobody has open. */
  async removeGeneration(number: number): Promise<void> {
    await rm(this.generationPath(number), { recursive: true, force: true });
  }

  /** Free bytes on its disk. */
  freeBytes(): Promise<bigint> {
    return freeDiskBytes(this.path);
  }

  /** Closes the control database and gives the lock up. */
  async close(): Promise<void> {
    await this.control.close();
    this.#unlock();
  }

  /**
   * Removes what a crash left behind: every generation that is neither live nor being built. To be
   * called when the live one is open, so that a publish that cannot be opened loses nothing.
   */
  async removeLeftovers(): Promise<void> {
    const live = this.control.live();
    const building = this.control.restores
      .load()
      .filter(({ state }) => state === "building")
      .map(({ generation }) => generation);
    for (const number of await this.generations()) {
      if (number === live || building.includes(number)) continue;
      await this.removeGeneration(number);
    }
  }
}

/** Generation of a new data directory. */
const FIRST = 1;

/** Numbers of the generations in a data directory, ascending. */
export async function generationsIn(path: string): Promise<number[]> {
  const names = await readdir(join(path, "generations"));
  return names
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Number of the live generation; null in a new data directory, which has at most its first.
 * @throws ROW_CORRUPT when the control database has lost it: what is there must not be taken for
 * what a crash left behind.
 */
export function liveOf(control: ControlEnv, generations: readonly number[]): number | null {
  const live = control.live();
  if (live !== null || generations.every((number) => number === FIRST)) return live;
  throw new HoldfastError(
    "ROW_CORRUPT",
    `The store is damaged: its control database names none of the generations ${generations}.`,
  );
}

/** Makes a folder of a data directory, or its own. @throws ENGINE_FAILED */
async function makePart(path: string, folder: string): Promise<void> {
  try {
    await makeFolders(folder);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new HoldfastError(
      "ENGINE_FAILED",
      `The data directory ${path} cannot be made (${why}). Name another folder.`,
      { cause, metadata: { path } },
    );
  }
}

/** What a disk of its own may hold besides a store. */
const NOBODYS: readonly string[] = ["lost+found"];

/** A folder of other files is not taken over. @throws ENGINE_FAILED */
async function requireStoreOrNothing(path: string): Promise<void> {
  const names = await readdir(path).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw new HoldfastError("ENGINE_FAILED", `${path} cannot be read as a folder.`, { cause });
  });
  const isStore = names.includes("generations") || names.includes("control");
  if (isStore || names.every((name) => NOBODYS.includes(name))) return;
  throw new HoldfastError(
    "ENGINE_FAILED",
    `${path} holds other files and no store. Name a new or an empty folder.`,
  );
}

/** @throws ENGINE_FAILED when a newer program wrote it. */
export function checkFormat(env: GenerationEnv): void {
  const format = env.meta.get(META.format)?.readUInt32BE() ?? null;
  if (format === null) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(GENERATION_FORMAT);
    env.meta.putSync(META.format, bytes);
  } else if (format > GENERATION_FORMAT) {
    throw new HoldfastError(
      "ENGINE_FAILED",
      `The data directory has format ${format}, this program knows ${GENERATION_FORMAT}. ` +
        "Use a newer program.",
      { metadata: { format: `${format}`, known: `${GENERATION_FORMAT}` } },
    );
  }
}

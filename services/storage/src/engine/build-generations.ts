import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { GenerationBuilder } from "../restore/generation-builder.js";
import type { Generations } from "../restore/ports.js";
import { BuildThread } from "./build-thread.js";
import type { DataDir } from "./data-dir.js";
import { DATA_FILE } from "./data-file-head.js";

/** The generations of a data directory, for restores. */
export class BuildGenerations implements Generations {
  readonly #dataDir: DataDir;
  #last = 0;

  constructor(dataDir: DataDir) {
    this.#dataDir = dataDir;
  }

  async next(): Promise<number> {
    const numbers = await this.#dataDir.generations();
    this.#last = Math.max(this.#last, this.#dataDir.control.live() ?? 0, ...numbers) + 1;
    return this.#last;
  }

  build(generation: number, version: bigint): Promise<GenerationBuilder> {
    return BuildThread.start({ path: this.#dataDir.generationPath(generation), version });
  }

  remove(generation: number): Promise<void> {
    return this.#dataDir.removeGeneration(generation);
  }

  async sizeBytes(generation: number): Promise<bigint> {
    try {
      const path = join(this.#dataDir.generationPath(generation), DATA_FILE);
      const { blocks } = await stat(path, { bigint: true });
      return blocks * 512n;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0n;
      throw error;
    }
  }

  freeBytes(): Promise<bigint> {
    return this.#dataDir.freeBytes();
  }
}

import { stateVersion } from "../state/versions.js";
import { changesFrames } from "./changes-job.js";
import { openGenerationEnv } from "./generation-env.js";
import { OpenGeneration } from "./open-generation.js";
import { pageDamage } from "./page-damage.js";
import type { IsCancelled } from "./scan-cancelled.js";
import type { CloseJob, ScanJob, ScanResult } from "./scan-job.js";
import { listTiles, measure, snapshotFrames, tilesFrame } from "./tile-jobs.js";

/**
 * Does the scan jobs of one thread. No job remembers a stream: what it needs to go on is in its
 * arguments. Each holds one short read transaction.
 */
export class Scans {
  readonly #generations: Map<string, OpenGeneration> = new Map();

  /**
   * @throws VERSION_PRUNED, NOT_A_CHECKPOINT, INVALID_REQUEST, ROW_CORRUPT; CANCELLED between
   * tiles once `isCancelled` says so.
   */
  run(job: ScanJob, isCancelled: IsCancelled): ScanResult<ScanJob> | Promise<undefined> {
    if (job.kind === "close") return this.#close(job.generation);
    const generation = this.#open(job.generation);
    const { reader } = generation;
    reader.refresh();
    generation.rows.refresh();
    try {
      // Within one read transaction this check and what is read afterwards see the same store.
      stateVersion(reader.meta(), job.version);
      return resultOf(generation, job, isCancelled);
    } catch (error) {
      throw pageDamage(error);
    } finally {
      reader.release();
    }
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const path of [...this.#generations.keys()]) await this.#close(path);
  }

  #open(path: string): OpenGeneration {
    let generation = this.#generations.get(path);
    if (generation === undefined) {
      const env = openGenerationEnv(path);
      try {
        generation = new OpenGeneration(env);
      } catch (error) {
        void env.close();
        throw error;
      }
      this.#generations.set(path, generation);
    }
    return generation;
  }

  async #close(path: string): Promise<undefined> {
    const generation = this.#generations.get(path);
    this.#generations.delete(path);
    await generation?.close();
  }
}

function resultOf(
  generation: OpenGeneration,
  job: Exclude<ScanJob, CloseJob>,
  isCancelled: IsCancelled,
): ScanResult<ScanJob> {
  switch (job.kind) {
    case "snapshot":
      return snapshotFrames(generation, job, isCancelled);
    case "tiles":
      return tilesFrame(generation, job, isCancelled);
    case "changes":
      return changesFrames(generation, job, isCancelled);
    case "list":
      return listTiles(generation, job, isCancelled);
    case "measure":
      return measure(generation, job, isCancelled);
  }
}

import { stateVersion } from "../state/versions.js";
import { ChangesAhead } from "./changes-ahead.js";
import { changesFrames, firstChangesFrame } from "./changes-job.js";
import { openGenerationEnv } from "./generation-env.js";
import { OpenGeneration } from "./open-generation.js";
import { pageDamage } from "./page-damage.js";
import type { IsCancelled } from "./scan-cancelled.js";
import type { CloseJob, ScanJob, ScanResult } from "./scan-job.js";
import { listTiles, measure, snapshotFrames, tilesFrame } from "./tile-jobs.js";

/**
 * Does the scan jobs of one thread. No job needs to remember a stream: what it needs to go on is in
 * its arguments. Each holds one short read transaction.
 */
export class Scans {
  readonly #generations: Map<string, OpenGeneration> = new Map();
  readonly #ahead = new ChangesAhead();

  /**
   * @throws VERSION_PRUNED, NOT_A_CHECKPOINT, INVALID_REQUEST, ROW_CORRUPT; CANCELLED between
   * tiles once `isCancelled` says so.
   */
  run(job: ScanJob, isCancelled: IsCancelled): ScanResult<ScanJob> | Promise<undefined> {
    if (job.kind === "close") return this.#close(job.generation);
    if (job.kind !== "changes") this.#ahead.forget();
    return this.#read(job, (generation) => this.#resultOf(generation, job, isCancelled));
  }

  /** Fills what the next job is likely to want, for a thread that has nothing to do. */
  goAhead(): void {
    const job = this.#ahead.expected;
    if (job === null) return;
    try {
      this.#ahead.keep(this.#read(job, (generation) => firstChangesFrame(generation, job)));
    } catch {
      // The job itself meets what is wrong, and there is somebody to tell.
      this.#ahead.forget();
    }
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const path of [...this.#generations.keys()]) await this.#close(path);
  }

  /** Reads in a transaction of its own, in which the version is there. */
  #read<T>(job: Exclude<ScanJob, CloseJob>, read: (generation: OpenGeneration) => T): T {
    const generation = this.#open(job.generation);
    const { reader } = generation;
    reader.refresh();
    generation.rows.refresh();
    try {
      // Within one read transaction this check and what is read afterwards see the same store.
      stateVersion(reader.meta(), job.version);
      return read(generation);
    } catch (error) {
      throw pageDamage(error);
    } finally {
      reader.release();
    }
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
    this.#ahead.forget();
    const generation = this.#generations.get(path);
    this.#generations.delete(path);
    await generation?.close();
  }

  #resultOf(
    generation: OpenGeneration,
    job: Exclude<ScanJob, CloseJob>,
    isCancelled: IsCancelled,
  ): ScanResult<ScanJob> {
    switch (job.kind) {
      case "snapshot":
        return snapshotFrames(generation, job, isCancelled);
      case "tiles":
        return tilesFrame(generation, job, isCancelled);
      case "changes": {
        const results = changesFrames(generation, job, isCancelled, this.#ahead.take(job));
        this.#ahead.done(job, results);
        return results;
      }
      case "list":
        return listTiles(generation, job, isCancelled);
      case "measure":
        return measure(generation, job, isCancelled);
    }
  }
}

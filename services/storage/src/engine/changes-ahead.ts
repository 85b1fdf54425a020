import { type GatheredChanges, someOf } from "../state/gathered-changes.js";
import type { ChangesJob, ChangesResult } from "./scan-job.js";

/** Changes that are copied to go ahead with: about three frames of them. */
const CHANGES_MAX = 512;
/** Streams with frames above this have none filled ahead: what a thread keeps is bounded. */
const FRAME_MEMORY_BYTES_MAX: number = 2 ** 18;

/** The job that a stream is likely to want next. */
export type ExpectedJob = ChangesJob & { readonly gathered: GatheredChanges };

/** Where a stream stands. */
type StreamPlace = Pick<ChangesJob, "generation" | "version" | "fromVersion" | "after">;

/**
 * What a thread does while a delta's stream sends its frames and asks for the next ones: it has no
 * other job then, and fills the first of them. Only for a reader who waits for frames, and only
 * where the stream had the thread for itself, so that no work is lost when streams take turns.
 * Memory: one frame, and CHANGES_MAX changes.
 */
export class ChangesAhead {
  #expected: ExpectedJob | null = null;
  #filled: ChangesResult | null = null;
  /** Frames of the job under way that were filled ahead of it, in memory that it did not bring. */
  #taken = 0;
  /** Where the job done last left its stream. */
  #behind: StreamPlace | null = null;

  /** What the next job is likely to be; null when that is not known, or it is begun already. */
  get expected(): ExpectedJob | null {
    return this.#filled === null ? this.#expected : null;
  }

  /** Keeps the first frame of the expected job; null: it cannot be filled yet. */
  keep(filled: ChangesResult | null): void {
    const { byteLength = 0 } = filled?.frame?.memory ?? {};
    if (byteLength <= FRAME_MEMORY_BYTES_MAX) this.#filled = filled;
    this.#expected = this.#filled === null ? null : this.#expected;
  }

  /** The first frame of this job; null when another one was expected. */
  take(job: ChangesJob): ChangesResult | null {
    const filled = isSame(this.#expected, job) ? this.#filled : null;
    this.#taken = filled === null ? 0 : 1;
    this.#expected = null;
    this.#filled = null;
    return filled;
  }

  /** A job is done, and its results are about to be given away. */
  done(job: ChangesJob, results: readonly ChangesResult[]): void {
    const last = results.at(-1);
    const isInSuccession = isSame(this.#behind, job);
    this.forget();
    if (last === undefined || last.isLast || last.frame === null || last.gathered === null) return;
    const { generation, version, fromVersion } = job;
    this.#behind = { generation, version, fromVersion, after: last.last };
    if (!isInSuccession || job.framesMax === 1) return;
    if (last.frame.memory.byteLength > FRAME_MEMORY_BYTES_MAX) return;
    const gathered = someOf(last.gathered, CHANGES_MAX);
    const memory = job.memory.slice(results.length - this.#taken);
    this.#expected = { ...job, after: last.last, gathered, memory };
  }

  /** Something else was done in this thread. */
  forget(): void {
    this.#expected = null;
    this.#filled = null;
    this.#behind = null;
  }
}

function isSame(expected: StreamPlace | null, job: ChangesJob): boolean {
  return (
    expected !== null &&
    expected.generation === job.generation &&
    expected.version === job.version &&
    expected.fromVersion === job.fromVersion &&
    expected.after === job.after &&
    job.gathered !== null
  );
}

import type { MessageHasher } from "./message-hasher.js";

/** Numbers of a job: where its message is, how long it is, where its hash goes. */
const JOB_NUMBERS = 3;
const JOBS_AT_FIRST = 16;

/** Hashes that do not depend on each other. Its memory is kept from one use to the next. */
export class JobRound {
  #jobs: Int32Array = new Int32Array(JOB_NUMBERS * JOBS_AT_FIRST);
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** @returns the number by which `redirect` knows the job. */
  add(message: number, length: number, out: number): number {
    const job = this.#used;
    if (job === this.#jobs.length) {
      const larger = new Int32Array(2 * job);
      larger.set(this.#jobs);
      this.#jobs = larger;
    }
    this.#jobs[job] = message;
    this.#jobs[job + 1] = length;
    this.#jobs[job + 2] = out;
    this.#used += JOB_NUMBERS;
    return job;
  }

  /** Makes a job leave its hash somewhere else. */
  redirect(job: number, out: number): void {
    this.#jobs[job + 2] = out;
  }

  giveTo(hasher: MessageHasher): void {
    for (let at = 0; at < this.#used; at += JOB_NUMBERS) {
      hasher.add(this.#jobs[at] ?? 0, this.#jobs[at + 1] ?? 0, this.#jobs[at + 2] ?? 0);
    }
  }

  clear(): void {
    this.#used = 0;
  }
}

/** Something wrong in a data directory, said in one sentence. */
export interface Finding {
  /** The database it was found in, or `counters`. */
  readonly where: string;
  readonly what: string;
}

/** Findings kept; beyond that they are counted only. */
const FINDINGS_MAX = 1_000;

/** What a check found. */
export class Findings {
  readonly list: Finding[] = [];
  /** All of them, also those that are not in the list. */
  count = 0;

  add(where: string, what: string): void {
    this.count += 1;
    if (this.list.length < FINDINGS_MAX) this.list.push({ where, what });
  }
}

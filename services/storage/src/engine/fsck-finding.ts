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
  readonly #onFinding: (finding: Finding) => void;
  /** All of them, also those that are not in the list. */
  count = 0;

  /** @param onFinding told each that is kept, at once: what is checked next may end the process. */
  constructor(onFinding: (finding: Finding) => void = () => undefined) {
    this.#onFinding = onFinding;
  }

  add(where: string, what: string): void {
    this.count += 1;
    if (this.list.length >= FINDINGS_MAX) return;
    this.list.push({ where, what });
    this.#onFinding({ where, what });
  }
}

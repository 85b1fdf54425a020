import { decodeStateItem, sha256 } from "@holdfast/merkle";
import type { StoreMeta } from "../state/state-reader.js";
import { decodeCheckpoint } from "./checkpoint-codec.js";
import type { Findings } from "./fsck-finding.js";
import { type FsckRun, messageOf, rangeOf } from "./fsck-run.js";
import type { Bytes, GenerationEnv } from "./generation-env.js";
import { stateKey, stateKeyVersion, u64 } from "./schema.js";

const KEY_HASH_BYTES = 32;

/**
 * Checks the journal of one shard: each entry belongs to a row and names the value before it, the
 * counters of the checkpoints say how many entries there are between them, and every row that is
 * new enough has an entry.
 */
export function checkJournalShard(
  env: GenerationEnv,
  shard: number,
  meta: StoreMeta,
  committed: bigint,
  run: FsckRun,
): void {
  run.attempt("journal", `the journal of shard ${shard.toString(16)}`, () =>
    checkEntries(env, shard, { meta, committed }, run.findings),
  );
}

function checkEntries(
  env: GenerationEnv,
  shard: number,
  { meta, committed }: { readonly meta: StoreMeta; readonly committed: bigint },
  findings: Findings,
): void {
  const journal = env.journal[shard];
  const rows = env.state[shard];
  if (journal === undefined || rows === undefined) return;
  using counts = new EntryCounts(env, shard, meta.oldestJournal, findings);
  // Behind the oldest state and the oldest entry, rows and entries are complete.
  const complete = newer(meta.oldestState, meta.oldestJournal);
  let entries = 0n;
  const range = { start: u64(meta.oldestJournal + 1n), end: u64(committed + 1n) };
  for (const { key, value } of rangeOf("journal", journal.getRange(range))) {
    const version = key.readBigUInt64BE();
    counts.entry(version);
    if (version <= complete) continue;
    entries += 1n;
    checkEntry(rows, version, key.subarray(8), value, findings);
  }
  counts.finish();
  let written = 0n;
  for (const key of rangeOf("state", rows.getKeys())) {
    const version = stateKeyVersion(key);
    if (version > committed) findings.add("state", `a row of version ${version} is not committed`);
    if (version > complete) written += 1n;
  }
  if (written !== entries) {
    findings.add(
      "journal",
      `shard ${shard.toString(16)} has ${entries} entries behind ${complete} and ${written} rows`,
    );
  }
}

function newer(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}

function checkEntry(
  rows: Bytes,
  version: bigint,
  keyHash: Buffer,
  oldValueHash: Buffer,
  findings: Findings,
): void {
  const what = `the entry of ${keyHash.toString("hex")} at ${version}`;
  let isFirst = true;
  let before: Buffer = Buffer.alloc(0);
  const range = rows.getRange({ start: stateKey(keyHash, version), limit: 2 });
  for (const { key, value } of rangeOf("state", range)) {
    const isOwn = key.subarray(0, KEY_HASH_BYTES).equals(keyHash);
    if (isFirst && !(isOwn && stateKeyVersion(key) === version)) {
      findings.add("journal", `${what} has no row`);
      return;
    }
    if (!isFirst && isOwn) before = value;
    isFirst = false;
  }
  try {
    const expected = before.length === 0 ? before : sha256(decodeStateItem(before).value);
    if (!expected.equals(oldValueHash)) {
      findings.add("journal", `${what} does not name the value before it`);
    }
  } catch (error) {
    findings.add("state", `the row before ${what}: ${messageOf(error)}`);
  }
}

/** Compares the entries between two checkpoints with what their counters say. */
class EntryCounts implements Disposable {
  readonly #shard: number;
  readonly #findings: Findings;
  readonly #checkpoints: Generator<{ key: Buffer; value: Buffer }, void>;
  #before: bigint | null = null;
  #current: { version: bigint; entries: bigint } | null = null;
  #counted = 0n;

  /** @param from checkpoints before it count entries that are pruned. */
  constructor(env: GenerationEnv, shard: number, from: bigint, findings: Findings) {
    this.#shard = shard;
    this.#findings = findings;
    this.#checkpoints = rangeOf("checkpoints", env.checkpoints.getRange({ start: u64(from) }));
    this.#next();
  }

  entry(version: bigint): void {
    while (this.#current !== null && this.#current.version < version) this.#close();
    this.#counted += 1n;
  }

  finish(): void {
    while (this.#current !== null) this.#close();
  }

  [Symbol.dispose](): void {
    this.#checkpoints.return();
  }

  #close(): void {
    if (this.#current === null) return;
    const { version, entries } = this.#current;
    // Of the first checkpoint it is not known what was before it.
    if (this.#before !== null && entries - this.#before !== this.#counted) {
      this.#findings.add(
        "counters",
        `checkpoint ${version} counts ${entries - this.#before} journal entries in shard ` +
          `${this.#shard.toString(16)}, there are ${this.#counted}`,
      );
    }
    this.#before = entries;
    this.#counted = 0n;
    this.#next();
  }

  #next(): void {
    const { done, value } = this.#checkpoints.next();
    if (done === true) {
      this.#current = null;
      return;
    }
    const version = value.key.readBigUInt64BE();
    try {
      const { shardJournalEntries } = decodeCheckpoint(version, value.value);
      this.#current = { version, entries: shardJournalEntries[this.#shard] ?? 0n };
    } catch (error) {
      this.#findings.add("checkpoints", `checkpoint ${version}: ${messageOf(error)}`);
      this.#next();
    }
  }
}

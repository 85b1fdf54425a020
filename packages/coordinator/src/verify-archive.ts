import {
  Archive,
  ArchiveError,
  type ChunkLine,
  checkArchive,
  type Damage,
  DamageError,
  type Leftover,
  type OnNewer,
  type SnapshotReader,
  type SnapshotSummary,
  type TileLine,
} from "@holdfast/archive";
import { orderedConcurrency } from "@holdfast/core";
import {
  nodesEqual,
  pathRange,
  rootOf,
  stateRootProofLogRoot,
  TileRootFold,
} from "@holdfast/merkle";
import type { LeftOut } from "./archive-contents.js";
import type { Folded } from "./fold-body.js";
import { FoldPool } from "./fold-pool.js";
import type { JobDependencies } from "./job.js";

/** Something wrong in an archive: damaged bytes, or whole bytes that prove nothing. */
export type Finding = Omit<Damage, "part"> & { readonly part: Damage["part"] | "proof" };

/** What a verification found. */
export interface VerifyReport {
  readonly snapshots: number;
  /** Tiles whose proof was checked. */
  readonly tilesProved: number;
  /** Bytes of packs and manifests read. */
  readonly bytes: number;
  /** How many findings there were. */
  readonly findings: number;
  /** Manifests of a newer format: whole, and nothing else of them or of what they name is checked. */
  readonly newer: readonly LeftOut[];
  readonly leftovers: readonly Leftover[];
}

/** Bodies that are read, folded or wait to be looked at, for each thread. */
const BODIES_PER_THREAD = 4;

/**
 * Checks an archive alone: every byte that a manifest is or names against its digest, then the
 * proofs of every snapshot: each tile folds to its node, the nodes fold to the root, the root
 * belongs to the log root, and a delta starts at the root of its base. All that is wrong is told;
 * what a newer format keeps from being checked is in the report.
 * @throws ArchiveError when it is no archive, or could be read once and not again; the signal's
 * reason.
 */
export async function verifyArchive(
  location: string,
  job: JobDependencies,
  onFinding: (finding: Finding) => void,
): Promise<VerifyReport> {
  let findings = 0;
  const found = (finding: Finding): void => {
    findings += 1;
    onFinding(finding);
  };
  const newer = new Map<string, LeftOut>();
  const onNewer: OnNewer = (error, file) => newer.set(file, { file, error });
  const digests = await checkArchive(location, {
    onDamage: found,
    onNewer,
    onProgress: (doneBytes) =>
      job.onProgress?.({ phase: "digests", items: 0, bytes: doneBytes, itemsTotal: null }),
    signal: job.signal,
  });
  let tilesProved = 0;
  /** Why something was not proved: told above, unless it has come since. */
  let skipped: unknown = null;
  const skip = (error: unknown): void => {
    skipped ??= error;
  };
  const archive = await openIfWhole(location, skip);
  if (archive !== null) {
    const { signal } = job;
    const onDamage = (damage: Damage): void => skip(new DamageError(damage));
    const summaries = await archive.snapshots({ onDamage, onNewer, signal });
    await using pool = new FoldPool();
    pool.start();
    const itemsTotal = summaries.reduce((sum, { head }) => sum + Number(head.items), 0);
    const progress = { items: 0, bytes: 0 };
    for (const summary of summaries) {
      const proof = new SnapshotProof(summary, summaries, { found, skip });
      tilesProved += await proof.run(archive, pool, job.signal, (line) => {
        progress.items += line.items;
        progress.bytes += line.bytes;
        job.onProgress?.({ phase: "proofs", ...progress, itemsTotal });
      });
    }
  }
  if (skipped !== null && findings === 0) throw skipped;
  const { bytes, leftovers } = digests;
  const snapshots = digests.snapshots.length;
  return { snapshots, tilesProved, bytes, findings, newer: [...newer.values()], leftovers };
}

/** Null when the archive's own file is damaged. */
async function openIfWhole(
  location: string,
  skip: (error: unknown) => void,
): Promise<Archive | null> {
  try {
    return await Archive.open(location);
  } catch (error) {
    if (!isUnread(error)) throw error;
    skip(error);
    return null;
  }
}

/** Of damaged bytes, and of those that the disk refuses to read. */
function isUnread(error: unknown): boolean {
  return (
    error instanceof DamageError || (error instanceof ArchiveError && error.code === "ARCHIVE_IO")
  );
}

/** Proves one snapshot. */
class SnapshotProof {
  readonly #summary: SnapshotSummary;
  readonly #all: readonly SnapshotSummary[];
  readonly #found: (finding: Finding) => void;
  /** Told what could not be read to be proved. */
  readonly #skip: (error: unknown) => void;
  readonly #from: TileRootFold = new TileRootFold();
  readonly #to: TileRootFold = new TileRootFold();
  #added = 0;
  #deleted = 0;
  /** Whether every body was there to be folded. */
  #whole = true;

  constructor(
    summary: SnapshotSummary,
    all: readonly SnapshotSummary[],
    told: { readonly found: (finding: Finding) => void; readonly skip: (error: unknown) => void },
  ) {
    this.#summary = summary;
    this.#all = all;
    this.#found = told.found;
    this.#skip = told.skip;
  }

  /** Answers how many tiles were folded. */
  async run(
    archive: Archive,
    pool: FoldPool,
    signal: AbortSignal,
    done: (line: TileLine) => void,
  ): Promise<number> {
    let tiles = 0;
    try {
      await using reader = await archive.openSnapshot(this.#summary.name);
      this.#checkRootProof();
      const folded = orderedConcurrency(
        reader.tiles(),
        pool.threads * BODIES_PER_THREAD,
        async (line) => ({ line, folded: await this.#fold(line, reader, pool) }),
        signal,
      );
      for await (const { line, folded: result } of folded) {
        this.#add(line);
        if (result !== null && line.kind !== "unchanged") {
          this.#checkTile(line, result);
          tiles += 1;
        }
        done(line);
      }
      this.#checkRoots();
    } catch (error) {
      // The proofs of what is whole go on.
      if (!isUnread(error)) throw error;
      this.#skip(error);
    }
    return tiles;
  }

  /** Null when there is no body, or it is damaged, which was told. */
  async #fold(line: TileLine, reader: SnapshotReader, pool: FoldPool): Promise<Folded | null> {
    if (line.kind === "unchanged") return null;
    try {
      const body = await reader.body(line);
      const kind = line.kind === "full" ? "full" : "delta";
      return await pool.fold(kind, line.path, body);
    } catch (error) {
      if (!isUnread(error)) throw error;
      this.#skip(error);
      this.#whole = false;
      return null;
    }
  }

  #add(line: TileLine): void {
    try {
      if (line.kind === "changed") this.#from.add(line.path, line.from);
      else if (line.kind === "unchanged") this.#from.add(line.path, line.node);
      this.#to.add(line.path, line.kind === "changed" ? line.to : line.node);
    } catch (error) {
      this.#wrong(error instanceof Error ? error.message : `${error}`, line);
    }
  }

  #checkTile(line: ChunkLine, folded: Folded): void {
    if (folded.kind === "invalid") {
      this.#wrong(folded.why, line);
    } else if (line.kind === "full") {
      if (folded.kind !== "full" || !nodesEqual(folded.node, line.node)) {
        this.#wrong("its items fold to another node", line);
      } else if (folded.items !== line.items || folded.bytes !== line.bytes) {
        this.#wrong("it has other numbers of items or bytes", line);
      }
    } else if (
      folded.kind !== "delta" ||
      !nodesEqual(folded.from, line.from) ||
      !nodesEqual(folded.to, line.to)
    ) {
      this.#wrong("its changes fold to other nodes", line);
    } else {
      if (folded.changes !== line.changes) this.#wrong("it has another number of changes", line);
      this.#added += folded.added;
      this.#deleted += folded.deleted;
    }
  }

  #checkRootProof(): void {
    const { rootProof, logRoot, stateRoot, version } = this.#summary.head;
    try {
      const proved = stateRootProofLogRoot(rootProof.info, rootProof.logSiblings);
      if (!proved.equals(logRoot)) this.#wrong("the root proof leads to another log root");
    } catch (error) {
      this.#wrong(error instanceof Error ? error.message : `${error}`);
    }
    const { info } = rootProof;
    if (info.version !== version || info.stateRoot?.equals(stateRoot) !== true) {
      this.#wrong("the root proof is of another version or state root");
    }
  }

  #checkRoots(): void {
    const { head } = this.#summary;
    if (!rootOf(this.#to.finish()).equals(head.stateRoot)) {
      this.#wrong("the tiles fold to another state root");
    }
    if (head.base === undefined) return;
    if (!rootOf(this.#from.finish()).equals(head.base.stateRoot)) {
      this.#wrong("the tiles fold to another root of the base");
    }
    const { version, stateRoot } = head.base;
    const base = this.#all.find(
      (other) => other.head.version === version && other.head.stateRoot.equals(stateRoot),
    );
    if (base === undefined || !this.#whole) return;
    if (base.head.items + BigInt(this.#added - this.#deleted) !== head.items) {
      this.#wrong("the changes lead to another number of items");
    }
  }

  #wrong(message: string, line?: TileLine): void {
    const { name } = this.#summary;
    const file = `snapshots/${name}.jsonl`;
    if (line === undefined) {
      this.#found({ part: "proof", file, snapshot: name, message });
      return;
    }
    const { start, end } = pathRange(line.path);
    const keyRange = { start: start.toString("hex"), end: end?.toString("hex") ?? null };
    const place =
      line.kind === "unchanged" ? {} : { pack: line.pack, chunk: line.chunk.toString("hex") };
    const { path } = line;
    this.#found({ part: "proof", file, snapshot: name, message, path, keyRange, ...place });
  }
}

import { DamageError } from "./archive-error.js";
import type { ArchiveFiles, FileLock, ListedEntry } from "./archive-files.js";
import { snapshotNames, strangeManifests } from "./list-snapshots.js";
import { SNAPSHOTS } from "./manifest-name.js";
import { ManifestStream, type OnDamage, throwDamage } from "./manifest-stream.js";
import { type OnNewer, throwNewer, unlessNewer } from "./newer-manifest.js";
import { PACKS, packFile } from "./pack-format.js";
import { lockDeleter } from "./place-pack.js";
import { listedPacks, PART, WORK, WORK_LOCK, workIds } from "./work-names.js";

/** Something that no manifest needs; never damage. */
export interface Leftover {
  /**
   * `partial`: a file that never became whole; `pack`: no manifest names it; `work`: a backup that
   * was interrupted and can be resumed.
   */
  readonly kind: "partial" | "pack" | "work";
  /** File or folder below the archive's. */
  readonly file: string;
  readonly bytes: number;
}

/** How garbage is collected. */
export interface GcOptions {
  /** Only say what would be deleted. */
  readonly dryRun: boolean;
  /** Ends it before the first deletion; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** What a gc did, or would do. */
export interface GcResult {
  /** What was deleted, or would be with `dryRun`. */
  readonly collected: readonly Leftover[];
  readonly collectedBytes: number;
  /** Work folders of backups under way, which were left alone. */
  readonly running: readonly string[];
}

/** How it is looked for what no manifest needs. */
interface FindOptions {
  readonly onDamage: OnDamage;
  readonly onNewer: OnNewer;
  /** Whether it is about to be deleted. */
  readonly collect: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Leftovers, and the locks of the work folders among them. */
interface Findings {
  readonly leftovers: readonly Leftover[];
  readonly running: readonly string[];
  readonly locks: ReadonlyMap<string, FileLock>;
}

/**
 * What no manifest needs, as it is now. A damaged manifest may hide what it needs; beside one of a
 * newer format no pack is listed, as each may be its own.
 */
export async function findLeftovers(
  files: ArchiveFiles,
  onDamage: OnDamage = throwDamage,
  onNewer: OnNewer = throwNewer,
): Promise<readonly Leftover[]> {
  const { leftovers, locks } = await find(files, { onDamage, onNewer, collect: false });
  for (const lock of locks.values()) await lock.release();
  return leftovers;
}

/**
 * Deletes what no manifest needs, one deleter at a time.
 * @throws ArchiveError ARCHIVE_BUSY; DamageError when a manifest cannot be read: then nobody knows
 * what it needs, and nothing is deleted.
 */
export async function collectGarbage(files: ArchiveFiles, options: GcOptions): Promise<GcResult> {
  const deleter = options.dryRun ? null : await lockDeleter(files, 0);
  try {
    const { leftovers, running, locks } = await find(files, {
      onDamage: refuse,
      onNewer: throwNewer,
      collect: !options.dryRun,
      signal: options.signal,
    });
    try {
      options.signal?.throwIfAborted();
      for (const { kind, file } of options.dryRun ? [] : leftovers) {
        if (kind !== "work") await files.remove(file);
        else await deleteWork(files, file);
      }
    } finally {
      for (const lock of locks.values()) await lock.release();
    }
    const collectedBytes = leftovers.reduce((sum, { bytes }) => sum + bytes, 0);
    return { collected: leftovers, collectedBytes, running };
  } finally {
    await deleter?.release();
  }
}

/*
 * The order is what makes it safe beside writers. A writer lists a pack in its work folder, then
 * gives it its name, and links its manifest before its work folder goes. So a pack that is seen
 * first is listed by a folder that is looked at later, or named by a manifest read last.
 */
async function find(
  files: ArchiveFiles,
  { onDamage, onNewer, collect, signal }: FindOptions,
): Promise<Findings> {
  const { packs, partials } = await listPacks(files);
  const running: string[] = [];
  const locks = new Map<string, FileLock>();
  try {
    const works: Leftover[] = [];
    for (const id of await workIds(files)) {
      const seen = await files.lock(`${WORK}/${id}/${WORK_LOCK}`);
      if (seen !== null) locks.set(id, seen);
      const folder = await describeWork(files, id);
      if (folder === null) continue;
      const lock = seen ?? (folder.lockFile || !collect ? null : await adopt(files, id));
      if (lock !== null) locks.set(id, lock);
      if (lock !== null || !(folder.lockFile || collect)) works.push(folder.leftover);
      else {
        running.push(folder.leftover.file);
        for (const pack of await listedPacks(files, id)) packs.delete(pack);
      }
    }
    for (const damage of await strangeManifests(files)) onDamage(damage);
    for (const name of await snapshotNames(files)) {
      signal?.throwIfAborted();
      const named = await unlessNewer(name, onNewer, () => packsOf(files, name, onDamage));
      if (named === null) packs.clear();
      for (const pack of named ?? []) packs.delete(pack);
    }
    const unnamed = [...packs].map(([pack, bytes]): Leftover => {
      return { kind: "pack", file: packFile(pack), bytes };
    });
    return { leftovers: [...partials, ...works, ...unnamed], running, locks };
  } catch (error) {
    for (const lock of locks.values()) await lock.release();
    throw error;
  }
}

const refuse: OnDamage = (damage) => {
  const message = `${damage.message} Nothing was deleted: nobody knows which packs it needs.`;
  throw new DamageError({ ...damage, message });
};

/** The packs that a manifest names. */
async function packsOf(
  files: ArchiveFiles,
  name: string,
  onDamage: OnDamage,
): Promise<ReadonlySet<string>> {
  const packs = new Set<string>();
  await using manifest = await ManifestStream.open(files, name, onDamage);
  for await (const line of manifest?.tiles() ?? []) {
    if (line.kind !== "unchanged") packs.add(line.pack);
  }
  return packs;
}

/** All packs with their lengths, and files that never became whole. */
async function listPacks(
  files: ArchiveFiles,
): Promise<{ packs: Map<string, number>; partials: Leftover[] }> {
  const packs = new Map<string, number>();
  const partials: Leftover[] = [];
  const isFile = (entry: ListedEntry): boolean => !entry.folder;
  const add = async (folder: string, entries: readonly ListedEntry[]): Promise<void> => {
    for (const { name } of entries.filter(isFile)) {
      const file = folder === "" ? name : `${folder}/${name}`;
      const pack = /^([0-9a-f]{64})\.pack$/.exec(name)?.[1];
      const isPack = pack !== undefined && packFile(pack) === file;
      if (!isPack && !name.endsWith(PART)) continue;
      const bytes = (await files.fileBytes(file)) ?? 0;
      if (isPack) packs.set(pack, bytes);
      else partials.push({ kind: "partial", file, bytes });
    }
  };
  for (const folder of ["", SNAPSHOTS, PACKS]) await add(folder, (await files.list(folder)) ?? []);
  for (const entry of (await files.list(PACKS)) ?? []) {
    const folder = `${PACKS}/${entry.name}`;
    if (entry.folder) await add(folder, (await files.list(folder)) ?? []);
  }
  return { packs, partials };
}

/** A work folder and its length; null when it has gone. */
async function describeWork(
  files: ArchiveFiles,
  id: string,
): Promise<{ readonly leftover: Leftover; readonly lockFile: boolean } | null> {
  const file = `${WORK}/${id}`;
  const entries = await files.list(file);
  if (entries === null) return null;
  let bytes = 0;
  for (const { name } of entries) bytes += (await files.fileBytes(`${file}/${name}`)) ?? 0;
  const lockFile = entries.some(({ name }) => name === WORK_LOCK);
  return { leftover: { kind: "work", file, bytes }, lockFile };
}

/**
 * Locks a work folder that has no lock file: a new one, or what a power cut left of one. Its owner,
 * if it has one, then takes another. Null when the owner was faster.
 */
async function adopt(files: ArchiveFiles, id: string): Promise<FileLock | null> {
  const name = `${WORK}/${id}/${WORK_LOCK}`;
  try {
    const file = await files.create(name);
    await file.close();
  } catch (error) {
    const gone = (await files.list(`${WORK}/${id}`)) === null;
    if (!gone && (await files.fileBytes(name)) === null) throw error;
    return null;
  }
  return await files.lock(name);
}

/** Deletes a work folder of which we hold the lock; the lock's file goes last. */
async function deleteWork(files: ArchiveFiles, folder: string): Promise<void> {
  for (const { name } of (await files.list(folder)) ?? []) {
    if (name !== WORK_LOCK) await files.remove(`${folder}/${name}`);
  }
  await files.remove(`${folder}/${WORK_LOCK}`);
  await files.removeFolder(folder);
}

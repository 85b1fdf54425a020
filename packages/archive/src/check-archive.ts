import { type Damage, DamageError } from "./archive-error.js";
import type { ArchiveFiles, ReadableFile } from "./archive-files.js";
import { ARCHIVE_JSON, type ArchiveIdentity, readArchiveJson } from "./archive-json.js";
import { findLeftovers, type Leftover } from "./garbage.js";
import { manifestDamage, OTHER_LEDGER, snapshotNames, strangeManifests } from "./list-snapshots.js";
import { manifestFile, parseSnapshotName } from "./manifest-name.js";
import { ManifestStream, type OnDamage } from "./manifest-stream.js";
import { type OnNewer, throwNewer, unlessNewer } from "./newer-manifest.js";
import { DamagedPackCheck, type PackCheck, SoundPackCheck, unreadable } from "./pack-check.js";
import { packFile } from "./pack-format.js";
import { scanPack } from "./pack-scan.js";
import type { SnapshotHead } from "./snapshot-head.js";

/** How to check an archive. */
export interface CheckOptions {
  /** Told every damaged place, in the order found. */
  readonly onDamage?: (damage: Damage) => void;
  /**
   * Told of each manifest of a newer format, of which the digest alone is checked; without it,
   * ARCHIVE_FORMAT_NEWER is thrown.
   */
  readonly onNewer?: OnNewer;
  /** Told bytes checked so far and bytes to check. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Stops the check; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** What a check found. */
export interface CheckResult {
  /** Names of all snapshots of this format, damaged or not, ascending. */
  readonly snapshots: readonly string[];
  /** Names of those of which nothing is damaged. */
  readonly soundSnapshots: readonly string[];
  readonly packs: number;
  /** Bytes of packs and manifests read. */
  readonly bytes: number;
  /** How many damaged places were found. */
  readonly damages: number;
  readonly leftovers: readonly Leftover[];
}

/** One check; see checkArchive. */
export class ArchiveCheck {
  readonly #files: ArchiveFiles;
  readonly #options: CheckOptions;
  /** Heads by name; null where the manifest is not whole. */
  readonly #heads = new Map<string, SnapshotHead | null>();
  readonly #damaged = new Set<string>();
  /** Manifests that the disk refused to read. */
  readonly #unreadable = new Set<string>();
  /** Manifests of a newer format. */
  readonly #newer = new Set<string>();
  /** Length of each pack that a manifest names. */
  readonly #packs = new Map<string, number>();
  /** Packs that were scanned: whether they are sound. */
  readonly #sound = new Map<string, boolean>();
  #damages = 0;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(files: ArchiveFiles, options: CheckOptions) {
    this.#files = files;
    this.#options = options;
  }

  async run(): Promise<CheckResult> {
    const identity = await this.#readIdentity();
    for (const damage of await strangeManifests(this.#files)) this.#report(damage);
    const all = await snapshotNames(this.#files);
    for (const name of all) await this.#checkManifest(name, identity);
    const names = all.filter((name) => !this.#newer.has(name));
    for (const [name, head] of this.#heads) this.#checkBase(name, head);
    for (const pack of this.#packs.keys()) {
      const bytes = (await this.#files.fileBytes(packFile(pack))) ?? 0;
      this.#packs.set(pack, bytes);
      this.#totalBytes += bytes;
    }
    for (const name of names) if (!this.#unreadable.has(name)) await this.#checkPacks(name);
    return {
      snapshots: names,
      soundSnapshots: names.filter((name) => !this.#damaged.has(name)),
      packs: this.#packs.size,
      bytes: this.#doneBytes,
      damages: this.#damages,
      leftovers: await this.#findLeftovers(),
    };
  }

  async #readIdentity(): Promise<ArchiveIdentity | null> {
    const found = await this.#catchDamage(() => readArchiveJson(this.#files), ARCHIVE_JSON);
    if (found === null && this.#damages === 0) {
      this.#report({ part: "archive", file: ARCHIVE_JSON, message: "the file is missing." });
    }
    return found;
  }

  /** Reads a manifest to its end, and learns which packs it names. */
  async #checkManifest(name: string, identity: ArchiveIdentity | null): Promise<void> {
    this.#heads.set(name, null);
    const file = manifestFile(name);
    const onNewer: OnNewer = (error) => {
      this.#newer.add(name);
      (this.#options.onNewer ?? throwNewer)(error, file);
    };
    const read = async (): Promise<void> => {
      await using manifest = await ManifestStream.open(this.#files, name, this.#report);
      if (manifest === null) return;
      for await (const line of manifest.tiles()) {
        this.#options.signal?.throwIfAborted();
        if (line.kind !== "unchanged") this.#packs.set(line.pack, 0);
      }
      this.#totalBytes += manifest.bytes;
      this.#progress(manifest.bytes);
      if (manifest.foot !== null) this.#heads.set(name, manifest.head);
      const { head } = manifest;
      if (head !== null && identity?.ledgerId.equals(head.ledgerId) === false) {
        this.#report(manifestDamage(name, OTHER_LEDGER));
      }
    };
    await this.#catchDamage(() => unlessNewer(name, onNewer, read), file, name);
  }

  #checkBase(name: string, head: SnapshotHead | null): void {
    const base = head?.base;
    if (base === undefined) return;
    for (const other of this.#heads.values()) {
      if (other?.version === base.version && other.stateRoot.equals(base.stateRoot)) return;
    }
    // A newer one may be it: its name says the version, its root cannot be read.
    for (const newer of this.#newer) {
      if (parseSnapshotName(newer)?.version === base.version) return;
    }
    const root = base.stateRoot.toString("hex");
    this.#report({
      part: "base",
      file: manifestFile(name),
      snapshot: name,
      message: `no whole snapshot has its base, version ${base.version} with root ${root}.`,
    });
  }

  /** Holds a manifest's lines against their packs; the manifest itself was checked before. */
  async #checkPacks(name: string): Promise<void> {
    const ignore: OnDamage = () => undefined;
    await using manifest = await ManifestStream.open(this.#files, name, ignore);
    let pack: string | null = null;
    let file: ReadableFile | null = null;
    let check: PackCheck | null = null;
    const end = async (): Promise<void> => {
      try {
        await check?.end();
      } finally {
        await file?.close();
        check = null;
        file = null;
      }
    };
    try {
      for await (const line of manifest?.tiles() ?? []) {
        if (line.kind === "unchanged") continue;
        if (line.pack !== pack) {
          await end();
          pack = line.pack;
          const opened = await unreadable(() => this.#files.openRead(packFile(line.pack)));
          file = typeof opened === "string" ? null : opened;
          check = await this.#packCheck(name, line.pack, file);
        }
        await check?.line(line);
      }
    } finally {
      await end();
    }
  }

  async #packCheck(snapshot: string, pack: string, file: ReadableFile | null): Promise<PackCheck> {
    const sound = this.#sound.get(pack);
    if (file !== null && sound === true) {
      return await SoundPackCheck.of(snapshot, file, this.#report);
    }
    if (file !== null && sound === undefined) {
      const records = await unreadable(() => scanPack(file, pack, this.#progress));
      this.#sound.set(pack, records !== null && typeof records !== "string");
      if (records !== null && typeof records !== "string") {
        return new SoundPackCheck(snapshot, records, this.#report);
      }
    }
    return new DamagedPackCheck(snapshot, pack, file, this.#report);
  }

  /** What a damaged manifest needs is unknown, so that its packs may be listed too. */
  async #findLeftovers(): Promise<readonly Leftover[]> {
    const ignore = (): void => undefined;
    const found = await unreadable(() => findLeftovers(this.#files, ignore, ignore));
    return typeof found === "string" ? [] : found;
  }

  async #catchDamage<T>(
    work: () => Promise<T>,
    file: string,
    snapshot?: string,
  ): Promise<T | null> {
    try {
      const result = await unreadable(work);
      if (typeof result !== "string") return result;
      if (snapshot !== undefined) this.#unreadable.add(snapshot);
      const place = snapshot === undefined ? {} : { snapshot };
      const part = snapshot === undefined ? "archive" : "manifest";
      this.#report({ part, file, message: result, ...place });
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      this.#report(error.damage);
    }
    return null;
  }

  readonly #progress = (bytes: number): void => {
    this.#options.signal?.throwIfAborted();
    this.#doneBytes += bytes;
    this.#options.onProgress?.(this.#doneBytes, this.#totalBytes);
  };

  readonly #report: OnDamage = (damage) => {
    this.#damages++;
    if (damage.snapshot !== undefined) this.#damaged.add(damage.snapshot);
    this.#options.onDamage?.(damage);
  };
}

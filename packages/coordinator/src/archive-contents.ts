import { type Archive, type Damage, DamageError } from "@holdfast/archive";
import { chooseTop, type StateWish } from "./restore-choice.js";
import { type ArchivedSnapshot, archivedSnapshot } from "./snapshot-view.js";

/** What an archive lists: the snapshots that are whole, and what is damaged of the others. */
export interface ArchiveContents {
  /** Ascending by version, then by time. */
  readonly snapshots: readonly ArchivedSnapshot[];
  /** At least one for each manifest that is left out. */
  readonly damages: readonly Damage[];
}

/**
 * Reads all manifests; a damaged one is for the caller to judge.
 * @throws ArchiveError; the signal's reason.
 */
export async function archiveContents(
  archive: Archive,
  signal: AbortSignal,
): Promise<ArchiveContents> {
  const damages: Damage[] = [];
  const onDamage = (damage: Damage): void => {
    damages.push(damage);
  };
  const summaries = await archive.snapshots({ onDamage, signal });
  return { snapshots: summaries.map(archivedSnapshot), damages };
}

/**
 * The snapshot that a wish means. A damaged manifest is told and left out, unless it may be of the
 * very state that is wanted: an older one is never taken silently in its place.
 * @throws DamageError, and like `chooseTop`.
 */
export function chooseWhole(
  { snapshots, damages }: ArchiveContents,
  wish: StateWish,
  onNotice?: (text: string) => void,
): ArchivedSnapshot {
  const [first] = damages;
  if (snapshots.length === 0 && first !== undefined) throw new DamageError(first);
  const top = chooseTop(snapshots, wish);
  for (const damage of damages) {
    const damaged = versionOf(damage.file);
    const isBeyond = damaged !== null && wish.toVersion !== undefined && damaged > wish.toVersion;
    if (!isBeyond && (damaged === null || damaged > top.version)) throw new DamageError(damage);
    onNotice?.(leftOut(damage));
  }
  return top;
}

/** Tells of a manifest that is damaged and does not matter. */
export function leftOut({ file, message }: Damage): string {
  return `${file} is damaged and left out: ${message}`;
}

/** The name of the snapshot whose manifest is damaged. */
export function nameOf({ file }: Damage): string {
  return file.replace(/^.*\//, "").replace(/\.jsonl$/, "");
}

/** The version in the name of a manifest. */
export function versionOf(file: string): bigint | null {
  const digits = /(?:^|\/)(\d{20})-/.exec(file)?.[1];
  return digits === undefined ? null : BigInt(digits);
}

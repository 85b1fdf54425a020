// Names in work/: what a backup under way keeps there.
import type { ArchiveFiles } from "./archive-files.js";

/** Folder of the backups under way. */
export const WORK = "work";
/** Lock of a work folder: held while a process works in it. The last file to go. */
export const WORK_LOCK = "LOCK";
/** The head of the snapshot to be; makes a work folder one that can be resumed. */
export const WORK_HEAD = "head.jsonl";
/** What is not whole yet ends so. */
export const PART = ".part";

/** Tile lines of one closed pack. */
export interface SegmentName {
  /** From 1. */
  readonly number: number;
  /** Null: lines without bodies. */
  readonly pack: string | null;
}

/** File of a segment within its work folder. */
export function segmentFile(segment: SegmentName): string {
  return `${String(segment.number).padStart(6, "0")}-${segment.pack ?? "none"}.jsonl`;
}

/** The segment of a file name; null when it is not a segment's. */
export function parseSegmentFile(file: string): SegmentName | null {
  const match = /^([0-9]{6,})-([0-9a-f]{64}|none)\.jsonl$/.exec(file);
  if (match === null) return null;
  const [, number, pack = ""] = match;
  return { number: Number(number), pack: pack === "none" ? null : pack };
}

/** Ids of all work folders. */
export async function workIds(files: ArchiveFiles): Promise<string[]> {
  const entries = (await files.list(WORK)) ?? [];
  return entries.filter((entry) => entry.folder).map((entry) => entry.name);
}

/** Packs that a work folder lists; they are listed before they get their name in packs/. */
export async function listedPacks(files: ArchiveFiles, id: string): Promise<string[]> {
  const entries = (await files.list(`${WORK}/${id}`)) ?? [];
  return entries.flatMap((entry) => parseSegmentFile(entry.name)?.pack ?? []);
}

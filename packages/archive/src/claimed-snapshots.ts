import type { ArchiveFiles } from "./archive-files.js";
import { DigestedLines } from "./digested-lines.js";
import { decodeFoot } from "./foot-text.js";
import { decodeHead } from "./head-text.js";
import { byVersionThenTime, snapshotNames, strangeManifests } from "./list-snapshots.js";
import { manifestFile, parseSnapshotName } from "./manifest-name.js";
import { unreadable } from "./pack-check.js";
import type { SnapshotFoot, SnapshotSummary } from "./snapshot-head.js";

/** Manifests that are open at the same time. */
const READ_TOGETHER_MAX = 16;
/** More than the longest foot has, bytes, and the line feed before it. */
const FOOT_BYTES_MAX = 256;

/**
 * What the manifests of a ledger's archive claim to be, in the order of `listSnapshots`, by their
 * first and last lines alone (the first comes with 256 KiB, as everywhere): for who goes on at once
 * and has all of it read meanwhile. Null when one of them is not what a writer writes as far as that
 * shows, or the disk refuses to read it.
 * @throws ArchiveError ARCHIVE_IO when they cannot be listed.
 */
export async function claimedSnapshots(
  files: ArchiveFiles,
  ledgerId: Buffer,
): Promise<SnapshotSummary[] | null> {
  if ((await strangeManifests(files)).length > 0) return null;
  const names = await snapshotNames(files);
  const found: SnapshotSummary[] = [];
  for (let first = 0; first < names.length; first += READ_TOGETHER_MAX) {
    const some = names.slice(first, first + READ_TOGETHER_MAX);
    const claims = await Promise.all(some.map((name) => unreadable(() => claimOf(files, name))));
    for (const claim of claims) {
      if (claim === null || typeof claim === "string") return null;
      if (!claim.head.ledgerId.equals(ledgerId)) return null;
      found.push(claim);
    }
  }
  return found.sort(byVersionThenTime);
}

async function claimOf(files: ArchiveFiles, name: string): Promise<SnapshotSummary | null> {
  const file = await files.openRead(manifestFile(name));
  if (file === null) return null;
  try {
    const head = decodeHead(await new DigestedLines(file).first());
    if ("why" in head) return null;
    const length = Math.min(FOOT_BYTES_MAX, file.bytes);
    const foot = footIn(await file.read(file.bytes - length, length));
    const named = parseSnapshotName(name);
    const isNamed =
      named?.version === head.version &&
      named.kind === head.kind &&
      named.digest === foot?.sha256.toString("hex", 0, 8);
    return foot === null || !isNamed ? null : { name, head, foot, manifestBytes: file.bytes };
  } finally {
    await file.close();
  }
}

function footIn(end: Buffer): SnapshotFoot | null {
  const lines = end.toString("latin1").split("\n");
  return lines.at(-1) === "" ? decodeFoot(lines.at(-2) ?? "") : null;
}

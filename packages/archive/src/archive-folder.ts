import { randomBytes } from "node:crypto";
import { ArchiveError, DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import {
  ARCHIVE_JSON,
  type ArchiveIdentity,
  encodeArchiveJson,
  readArchiveJson,
} from "./archive-json.js";
import { SNAPSHOTS } from "./manifest-name.js";
import { PACKS } from "./pack-format.js";
import { PART } from "./work-names.js";

/**
 * Which archive a folder holds.
 * @throws ArchiveError ARCHIVE_NOT_FOUND, NOT_AN_ARCHIVE, ARCHIVE_FORMAT_NEWER; DamageError.
 */
export async function openFolder(files: ArchiveFiles, location: string): Promise<ArchiveIdentity> {
  const identity = await readArchiveJson(files);
  if (identity !== null) return identity;
  await requireArchiveFolder(files, location);
  throw jsonMissing();
}

/**
 * Which archive a folder holds; a missing or empty one becomes `fresh`.
 * @throws ArchiveError NOT_AN_ARCHIVE when it holds something else; as `openFolder`.
 */
export async function openOrMakeFolder(
  files: ArchiveFiles,
  location: string,
  fresh: ArchiveIdentity,
): Promise<ArchiveIdentity> {
  let identity = await readArchiveJson(files);
  if (identity === null) {
    await requireEmpty(files, location);
    await writeArchiveJson(files, fresh);
    // Another may have been faster: what is there counts.
    identity = await readArchiveJson(files);
  }
  if (identity === null) throw notAnArchive(location);
  return identity;
}

/** Throws unless the folder was an archive before it lost its `archive.json`. */
export async function requireArchiveFolder(files: ArchiveFiles, location: string): Promise<void> {
  const entries = await files.list("");
  if (entries === null) {
    throw new ArchiveError(
      "ARCHIVE_NOT_FOUND",
      `There is no folder ${location}; 'backup state --archive ${location}' makes an archive.`,
      { location },
    );
  }
  const isArchive = entries.some(
    ({ name, folder }) => folder && (name === SNAPSHOTS || name === PACKS),
  );
  if (!isArchive) throw notAnArchive(location);
}

/** Throws unless an archive can be made in the folder: missing, or holding no one's files. */
async function requireEmpty(files: ArchiveFiles, location: string): Promise<void> {
  const entries = (await files.list("")) ?? [];
  // Another has made one meanwhile.
  if (entries.some(({ name }) => name === ARCHIVE_JSON)) return;
  if (entries.every(({ name, folder }) => !folder && isArchiveJsonPart(name))) return;
  await requireArchiveFolder(files, location);
  throw jsonMissing();
}

async function writeArchiveJson(files: ArchiveFiles, identity: ArchiveIdentity): Promise<void> {
  await files.makeFolder("");
  const part = `${ARCHIVE_JSON}.${randomBytes(8).toString("hex")}${PART}`;
  const file = await files.create(part);
  try {
    await file.write(encodeArchiveJson(identity));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await files.link(part, ARCHIVE_JSON);
  } catch (error) {
    // A gc may have taken the part, in the archive that another has made meanwhile.
    if ((await files.fileBytes(ARCHIVE_JSON)) === null) throw error;
  }
  await files.remove(part);
  await files.syncFolder("");
}

function isArchiveJsonPart(name: string): boolean {
  return name.startsWith(`${ARCHIVE_JSON}.`) && name.endsWith(PART);
}

function notAnArchive(location: string): ArchiveError {
  return new ArchiveError(
    "NOT_AN_ARCHIVE",
    `${location} holds something else than an archive; name an archive or an empty folder.`,
    { location },
  );
}

function jsonMissing(): DamageError {
  return new DamageError({ part: "archive", file: ARCHIVE_JSON, message: "the file is missing." });
}

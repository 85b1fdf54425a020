import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ArchiveError } from "./archive-error.js";

/** The folder that a location means. @throws ArchiveError ARCHIVE_LOCATION_UNSUPPORTED */
export function folderOf(location: string): string {
  if (/^file:/i.test(location)) {
    try {
      return fileURLToPath(location);
    } catch (cause) {
      throw unsupported(location, cause);
    }
  }
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location)) return resolve(location);
  throw unsupported(location);
}

function unsupported(location: string, cause?: unknown): ArchiveError {
  return new ArchiveError(
    "ARCHIVE_LOCATION_UNSUPPORTED",
    `${location}: an archive is a folder or a file: URL of this machine.`,
    { location },
    cause,
  );
}

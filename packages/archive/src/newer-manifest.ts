import type { ArchiveError } from "./archive-error.js";
import { isFormatNewer } from "./archive-json.js";
import { manifestFile } from "./manifest-name.js";

/** Told of a manifest of a newer format, ARCHIVE_FORMAT_NEWER; may throw, or return to go on. */
export type OnNewer = (error: ArchiveError, file: string) => void;

/** Throws the first one. */
export const throwNewer: OnNewer = (error) => {
  throw error;
};

/** Reads the manifest of a snapshot; one of a newer format is told to `onNewer`, and null. */
export async function unlessNewer<T>(
  name: string,
  onNewer: OnNewer,
  read: () => Promise<T>,
): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!isFormatNewer(error)) throw error;
    onNewer(error, manifestFile(name));
    return null;
  }
}

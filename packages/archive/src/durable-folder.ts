import type { ArchiveFiles } from "./archive-files.js";

/** Makes a folder below the archive's and makes its name durable. */
export async function makeDurableFolder(files: ArchiveFiles, name: string): Promise<void> {
  if (!(await files.makeFolder(name))) return;
  // All the folders above may be new as well.
  for (let folder = name; folder !== ""; ) {
    const slash = folder.lastIndexOf("/");
    folder = slash < 0 ? "" : folder.slice(0, slash);
    await files.syncFolder(folder);
  }
}

import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and what is missing above it. Node's own `recursive` never returns where the
 * system answers ENOENT below a folder that is there, as it does in /proc.
 * @returns the topmost folder that was made; null when all were there.
 * @throws Error of the system.
 */
export async function makeFolders(path: string): Promise<string | null> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await isFolder(folder)); folder = dirname(folder)) {
    missing.unshift(folder);
  }
  for (const folder of missing) {
    await mkdir(folder).catch(async (error: unknown) => {
      // Somebody else may have made it meanwhile.
      if (!(await isFolder(folder))) throw error;
    });
  }
  return missing[0] ?? null;
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

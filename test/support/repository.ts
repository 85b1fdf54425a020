import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const ROOT: string = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Paths below `folder` (relative to the root) that `keep` accepts; built output is left out. */
export function filesBelow(folder: string, keep: (path: string) => boolean): string[] {
  const found: string[] = [];
  const walk = (absolute: string): void => {
    for (const entry of readdirSync(absolute, { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === "dist" || entry.name === "gen") continue;
      const path = join(absolute, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (keep(relative(ROOT, path))) found.push(relative(ROOT, path));
    }
  };
  walk(join(ROOT, folder));
  return found.sort();
}

/** All hand-written TypeScript of the product (not of test/). */
export function sourceFiles(): string[] {
  const isSource = (path: string): boolean => path.endsWith(".ts");
  return [...filesBelow("packages", isSource), ...filesBelow("services", isSource)];
}

// A process that takes a backup into a real folder and kills itself, or stands still, before a
// given operation. Arguments: folder, seed, tiles, operation, "kill" or "hold".
import { SeededRandom } from "@holdfast/testing";
import { Archive } from "../archive.js";
import { ArchiveError } from "../archive-error.js";
import { LocalFiles } from "../local-files.js";
import { HookedFiles } from "./hooked-files.js";
import { LEDGER, madeFull, takeBackup } from "./made-snapshots.js";

const [folder = "", seed, tiles, stopAt, how] = process.argv.slice(2);
let operations = 0;
const files = new HookedFiles(new LocalFiles(folder), async () => {
  if (operations++ < Number(stopAt)) return;
  if (how === "kill") process.kill(process.pid, "SIGKILL");
  if (operations === Number(stopAt) + 1) process.stdout.write("holding\n");
  // Something has to keep the process alive.
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
try {
  const archive = await Archive.create(folder, LEDGER, { files, packBytes: 2_000 });
  const made = madeFull(new SeededRandom(Number(seed)), { version: 7n, tiles: Number(tiles) });
  await takeBackup(archive, made);
  process.stdout.write(`${operations} operations\n`);
} catch (error) {
  if (!(error instanceof ArchiveError)) throw error;
  process.stdout.write(`${error.code} ${error.message}\n`);
}

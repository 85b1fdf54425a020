// Measures the table of docs/operations.md in one run, beside etcd when it is installed.
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { calmCollector } from "@holdfast/rpc";
import { Etcd, etcdVersion } from "./etcd.js";
import { Pair } from "./pair.js";
import { quiet } from "./quiet.js";
import {
  measureBackups,
  measureDelta,
  measureRestores,
  type Setup,
} from "./rows/backup-restore.js";
import {
  type Load,
  loadPair,
  measureCommits,
  measureLatency,
  measureStalled,
  measureStream,
} from "./rows/live.js";
import { measureScale, type Scale, scaleRows } from "./rows/scale.js";
import { print, type Row, report, type SkippedRow } from "./table.js";

// The reader of the streams is a client like any other.
calmCollector();
const large = process.argv.includes("--large");
const SMALL_ITEMS = 1_000_000;
const items = large ? 10 * SMALL_ITEMS : SMALL_ITEMS;
/** Folder of the pair that holds the items. */
const SOURCE = "source";
const repeats = large ? 1 : 5;
const folder = await mkdtemp(
  join(process.env["HOLDFAST_BENCH_DIR"] ?? tmpdir(), "holdfast-bench-"),
);
const version = etcdVersion();
if (version === null) print("etcd is not installed: rows beside it are left out.");

try {
  const etcd = version === null ? null : await Etcd.start(folder);
  let pair = await Pair.start(folder, SOURCE);
  const rows: Row[] = [];
  const skipped: SkippedRow[] = [];
  print(`${items.toLocaleString("en")} items of 32 B + 200 B; this takes some minutes.`);

  // How time and memory grow is measured on the way to ten times the items.
  let before: Load = { items: 0, seconds: 0 };
  let small: Scale | null = null;
  if (large) {
    before = { items: SMALL_ITEMS, seconds: await loadPair(pair, 0, SMALL_ITEMS) };
    await pair.stop();
    small = await measureScale(folder, SOURCE, SMALL_ITEMS, items);
    pair = await Pair.start(folder, SOURCE);
  }
  const commits = await measureCommits(pair, etcd, items, before);
  const setup: Setup = { folder, pair, etcd, items, repeats };
  await quiet();
  // First, and with runs that do not count: what it shows is a service that has been running.
  const stream = await measureStream(pair, repeats);
  const backups = await measureBackups(setup);
  rows.push(...backups.rows, stream);
  await quiet();
  const restores = await measureRestores(setup, backups);
  await quiet();
  rows.push(...restores.rows, ...(await measureDelta(setup, backups)), ...commits.rows);
  await etcd?.stop();
  if (small !== null) {
    await pair.stop();
    rows.push(...scaleRows(small, await measureScale(folder, SOURCE, items, items)));
    pair = await Pair.start(folder, SOURCE);
  }
  await quiet();
  rows.push(await measureLatency(pair, items), await measureStalled(pair));
  skipped.push(...backups.skipped, ...restores.skipped, ...commits.skipped);
  await pair.stop();
  const facts = { ...commits.facts, ...restores.facts, proved_seconds: backups.provedSeconds };
  await report(rows, skipped, {
    items,
    node: process.version,
    cores: cpus().length,
    etcd: version,
    ...facts,
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}

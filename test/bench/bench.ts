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
import { measureLatency } from "./rows/latency.js";
import {
  loadEtcd,
  loadInTreeOrder,
  measureCommits,
  measureStalled,
  measureStream,
} from "./rows/live.js";
import { measureScale, scaleRows } from "./rows/scale.js";
import { print, type Row, report, round, type SkippedRow } from "./table.js";

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

  const add = (...measured: readonly Row[]): void => {
    // At once: what comes later may fail, and takes long.
    for (const row of measured) print(`${row.work}: ${round(row.figure)} ${row.unit}`);
    rows.push(...measured);
  };

  let commits: Awaited<ReturnType<typeof measureCommits>> = { rows: [], skipped: [], facts: {} };
  if (large) {
    // How time and memory grow is measured on the way.
    await loadInTreeOrder(pair, 0, SMALL_ITEMS);
    await pair.stop();
    const small = await measureScale(folder, SOURCE, SMALL_ITEMS, items);
    pair = await Pair.start(folder, SOURCE);
    await loadInTreeOrder(pair, SMALL_ITEMS, items);
    await pair.stop();
    add(...scaleRows(small, await measureScale(folder, SOURCE, items, items)));
    pair = await Pair.start(folder, SOURCE);
    if (etcd !== null) await loadEtcd(etcd, items);
  } else {
    commits = await measureCommits(pair, etcd, items);
    add(...commits.rows);
  }
  const setup: Setup = { folder, pair, etcd, items, repeats };
  await quiet();
  // First, and with runs that do not count: what it shows is a service that has been running.
  add(await measureStream(pair, repeats));
  const backups = await measureBackups(setup);
  add(...backups.rows);
  await quiet();
  const restores = await measureRestores(setup, backups);
  await quiet();
  add(...restores.rows);
  add(...(await measureDelta(setup, backups)));
  await etcd?.stop();
  await quiet();
  add(await measureLatency(pair, items));
  add(await measureStalled(pair));
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

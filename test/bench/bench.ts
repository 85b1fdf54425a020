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
import { measureCommits, measureLatency, measureStalled, measureStream } from "./rows/live.js";
import { print, type Row, report, type SkippedRow } from "./table.js";

// The reader of the streams is a client like any other.
calmCollector();
const large = process.argv.includes("--large");
const items = large ? 10_000_000 : 1_000_000;
const repeats = large ? 1 : 5;
const folder = await mkdtemp(
  join(process.env["HOLDFAST_BENCH_DIR"] ?? tmpdir(), "holdfast-bench-"),
);
const version = etcdVersion();
if (version === null) print("etcd is not installed: rows beside it are left out.");

try {
  const etcd = version === null ? null : await Etcd.start(folder);
  const pair = await Pair.start(folder, "source");
  const rows: Row[] = [];
  const skipped: SkippedRow[] = [];
  print(`${items.toLocaleString("en")} items of 32 B + 200 B; this takes some minutes.`);

  const commits = await measureCommits(pair, etcd, items);
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

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cliJson } from "../../support/processes.js";
import type { Etcd } from "../etcd.js";
import { peaksWhile } from "../memory.js";
import { Pair } from "../pair.js";
import { quiet } from "../quiet.js";
import { median, type Row, round, type SkippedRow } from "../table.js";

/** What the rows of this file share. */
export interface Setup {
  readonly folder: string;
  readonly pair: Pair;
  readonly etcd: Etcd | null;
  readonly items: number;
  readonly repeats: number;
}

export interface BackupFigures {
  readonly rows: Row[];
  readonly skipped: SkippedRow[];
  /** Seconds of a proved full backup; of them from its first request on. */
  readonly provedSeconds: number;
  readonly provedTookSeconds: number;
  /** With a proved full backup, and its bytes. */
  readonly archive: string;
  readonly archiveBytes: number;
  readonly etcdSnapshot: string | null;
}

/** Full backups through the gateway, plain and proved, beside `etcdctl snapshot save`. */
export async function measureBackups(setup: Setup): Promise<BackupFigures> {
  const etcdSeconds: number[] = [];
  const plain: number[] = [];
  const proved: Timed[] = [];
  const snapshot = join(setup.folder, "etcd.snapshot");
  for (let run = 0; run < setup.repeats; run++) {
    // What was removed and written before goes on in the background for a while.
    if (setup.etcd !== null) {
      await rm(snapshot, { force: true });
      await quiet();
      etcdSeconds.push(await setup.etcd.snapshotSave(snapshot));
    }
    await quiet();
    const { seconds } = await backup(setup, join(setup.folder, `plain-${run}`), ["--no-prove"]);
    plain.push(seconds);
    await rm(join(setup.folder, `plain-${run}`), { recursive: true });
    await quiet();
    proved.push(await backup(setup, join(setup.folder, `proved-${run}`), []));
    if (run > 0) await rm(join(setup.folder, `proved-${run}`), { recursive: true });
  }
  const archive = join(setup.folder, "proved-0");
  const archiveBytes = await folderBytes(archive);
  const provedSeconds = median(proved.map(({ seconds }) => seconds));
  const provedTookSeconds = median(proved.map(({ tookSeconds }) => tookSeconds));
  const rows: Row[] = [];
  const skipped: SkippedRow[] = [];
  for (const [work, seconds, owed, stretch] of [
    ["full backup, digests checked", median(plain), 1, 0.7],
    ["full backup, proved", provedSeconds, 3, 1.5],
  ] as const) {
    if (setup.etcd === null) skipped.push({ work, reason: NO_ETCD });
    else {
      const other = median(etcdSeconds);
      rows.push({
        work,
        measured: `${round(seconds)} s`,
        etcd: `snapshot save ${round(other)} s`,
        figure: seconds / other,
        unit: "x",
        better: "smaller",
        owed,
        stretch,
      });
    }
  }
  const etcdSnapshot = setup.etcd === null ? null : snapshot;
  return {
    ...{ rows, skipped, provedSeconds, provedTookSeconds },
    ...{ archive, archiveBytes, etcdSnapshot },
  };
}

/** Verified restores into empty pairs beside `etcdctl snapshot restore`. */
export async function measureRestores(
  setup: Setup,
  backups: BackupFigures,
): Promise<{ rows: Row[]; skipped: SkippedRow[]; facts: Record<string, number> }> {
  const ours: number[] = [];
  const etcdSeconds: number[] = [];
  let peakBytes = 0;
  for (let run = 0; run < setup.repeats; run++) {
    const name = `restored-${run}`;
    if (setup.etcd !== null && backups.etcdSnapshot !== null) {
      await quiet();
      etcdSeconds.push(await setup.etcd.snapshotRestore(backups.etcdSnapshot, `etcd-${name}`));
      await rm(join(setup.folder, `etcd-${name}`), { recursive: true });
    }
    const target = await Pair.start(setup.folder, name);
    await quiet();
    const start = performance.now();
    const { peaks } = await peaksWhile({ storage: target.storage.process.pid }, () =>
      cliJson(["--gateway", target.gateway.listen, "restore", "--archive", backups.archive]),
    );
    ours.push((performance.now() - start) / 1000);
    peakBytes = Math.max(peakBytes, peaks["storage"] ?? 0);
    await target.stop();
    await rm(join(setup.folder, name), { recursive: true });
  }
  const facts = { restore_seconds: median(ours), restore_peak_mib: peakBytes / 2 ** 20 };
  const work = "verified restore";
  if (setup.etcd === null) return { rows: [], skipped: [{ work, reason: NO_ETCD }], facts };
  const other = median(etcdSeconds);
  const row: Row = {
    work,
    measured: `${round(median(ours))} s`,
    etcd: `snapshot restore ${round(other)} s`,
    figure: median(ours) / other,
    unit: "x",
    better: "smaller",
    owed: 0.8,
    stretch: 0.5,
  };
  return { rows: [row], skipped: [], facts };
}

/** The first is taken by services that have not compiled what deltas need, and does not count. */
const DELTAS_WARM = 1;
const DELTAS_MIN = 3;

/** Deltas, each after 1 % of the keys changed, from the first request to the published snapshot. */
export async function measureDelta(setup: Setup, backups: BackupFigures): Promise<Row[]> {
  const changes = Math.floor(setup.items / 100);
  const took: number[] = [];
  const sizes: number[] = [];
  for (let run = 0; run < DELTAS_WARM + Math.max(setup.repeats, DELTAS_MIN); run++) {
    await setup.pair.commit(0, changes, 5_000, 99 + run, 1);
    // As before the full ones: what was committed is written to the disk for a while.
    await quiet();
    const before = await folderBytes(backups.archive);
    const { tookSeconds } = await backup(setup, backups.archive, []);
    if (run < DELTAS_WARM) continue;
    took.push(tookSeconds);
    sizes.push((await folderBytes(backups.archive)) - before);
  }
  const bytes = median(sizes);
  const [seconds, full] = [median(took), backups.provedTookSeconds];
  const large = setup.items >= 10_000_000;
  return [
    {
      work: "delta after 1 % changed: time",
      measured: `${round(seconds)} s of ${round(full)} s`,
      figure: (100 * seconds) / full,
      unit: "%",
      better: "smaller",
      owed: large ? 10 : 30,
      stretch: large ? 5 : 15,
    },
    {
      work: "delta after 1 % changed: bytes",
      measured: `${round(bytes / 2 ** 20)} MiB of ${round(backups.archiveBytes / 2 ** 20)} MiB`,
      figure: (100 * bytes) / backups.archiveBytes,
      unit: "%",
      better: "smaller",
      owed: 5,
      stretch: 4,
    },
  ];
}

export const NO_ETCD = "etcd-server and etcd-client (Debian's packages) are not installed";

/** Seconds of a whole process, and of them from its first request on. */
interface Timed {
  readonly seconds: number;
  readonly tookSeconds: number;
}

async function backup(setup: Setup, archive: string, flags: readonly string[]): Promise<Timed> {
  const start = performance.now();
  const gateway = ["--gateway", setup.pair.gateway.listen];
  const report = await cliJson([...gateway, "backup", "state", "--archive", archive, ...flags]);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, tookSeconds: Number(report["took_seconds"]) };
}

async function folderBytes(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

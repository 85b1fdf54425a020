import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Etcd } from "../etcd.js";
import { rssAnonBytes } from "../memory.js";
import type { Pair } from "../pair.js";
import { quiet } from "../quiet.js";
import { StreamClient } from "../streams.js";
import { median, type Row, round, type SkippedRow } from "../table.js";
import { inTreeOrder } from "../tree-order.js";
import { NO_ETCD } from "./backup-restore.js";

const BLOCK_PUTS = 5_000;
const COMMITS_IN_FLIGHT = 4;
const STALLED_CLIENTS = 200;

/** Loads `items` records in blocks of 5,000 puts, durable, beside etcd. */
export async function measureCommits(
  pair: Pair,
  etcd: Etcd | null,
  items: number,
): Promise<{ rows: Row[]; skipped: SkippedRow[]; facts: Record<string, number> }> {
  const rate = items / (await pair.commit(0, items, BLOCK_PUTS, 0, COMMITS_IN_FLIGHT));
  const facts = { commit_puts_per_second: rate };
  const work = "commit, 5,000 puts a block, durable";
  if (etcd === null) return { rows: [], skipped: [{ work, reason: NO_ETCD }], facts };
  await quiet();
  const other = items / (await loadEtcd(etcd, items));
  const row: Row = {
    work,
    measured: `${round(rate)} puts/s`,
    etcd: `${round(other)} puts/s`,
    figure: rate / other,
    unit: "x",
    better: "larger",
    owed: 0.4,
    stretch: 1,
  };
  return { rows: [row], skipped: [], facts };
}

/** Loads `items` records into etcd. @returns seconds it took. */
export function loadEtcd(etcd: Etcd, items: number): Promise<number> {
  return etcd.put(0, items, BLOCK_PUTS, 0, COMMITS_IN_FLIGHT);
}

/**
 * Loads records [from, to) in the order of the state tree: each block touches few pages, and the
 * store of ten times the items fits into memory.
 */
export async function loadInTreeOrder(pair: Pair, from: number, to: number): Promise<void> {
  const order = inTreeOrder(from, to);
  await pair.commit(0, order.length, BLOCK_PUTS, 0, COMMITS_IN_FLIGHT, order);
}

/**
 * Reads whole snapshots through the gateway and drops the bytes: twice as many times without
 * counting as with, until the code of all three processes is compiled (it gets faster for some
 * sixteen runs).
 */
export async function measureStream(pair: Pair, repeats: number): Promise<Row> {
  const reader = fileURLToPath(new URL("../read-stream.js", import.meta.url));
  const counted = 2 * repeats;
  const args = [reader, pair.gateway.listen, String(3 * counted)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const runs = stdout.trim().split("\n").slice(-counted).map(parsedRun);
  return {
    work: "stream only, two hops",
    measured: `${round(median(runs.map(({ bytes, seconds }) => bytes / seconds)) / 1e6)} MB/s`,
    figure: median(runs.map(({ items, seconds }) => items / seconds)) / 1e6,
    unit: "M items/s",
    better: "larger",
    owed: 2,
    stretch: 3,
  };
}

function parsedRun(line: string): { seconds: number; bytes: number; items: number } {
  return JSON.parse(line);
}

/** 200 clients open a stream and stop reading. */
export async function measureStalled(pair: Pair): Promise<Row> {
  const pids = [pair.gateway.process.pid ?? 0, pair.storage.process.pid ?? 0];
  const client = new StreamClient(pair.gateway.listen, 64 * 1024);
  const leaseId = await client.acquire();
  await client.drain(leaseId);
  const before = pids.map(rssAnonBytes);
  const stalled = await Promise.all(
    Array.from({ length: STALLED_CLIENTS }, async () => {
      const call = client.open(leaseId);
      call.on("error", () => undefined);
      await new Promise((resolve) => call.once("data", resolve));
      call.pause();
      return call;
    }),
  );
  await delay(3_000);
  const grown = pids.map((pid, index) => (rssAnonBytes(pid) - (before[index] ?? 0)) / 2 ** 20);
  const served = await client.drain(leaseId);
  for (const call of stalled) call.cancel();
  await client.release(leaseId);
  client.close();
  return {
    work: `${STALLED_CLIENTS} stalled clients: memory of gateway, storage`,
    measured: `+${grown.map(round).join(", +")} MiB; another read ${round(served.items)} items`,
    figure: Math.max(...grown),
    unit: "MiB",
    better: "smaller",
    owed: 200,
    stretch: 200,
  };
}

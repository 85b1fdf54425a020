import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Etcd } from "../etcd.js";
import { rssAnonBytes } from "../memory.js";
import { blockOf, COMMIT_BLOCK, type Pair } from "../pair.js";
import { quiet } from "../quiet.js";
import { StreamClient } from "../streams.js";
import { median, type Row, round, type SkippedRow } from "../table.js";
import { inTreeOrder } from "../tree-order.js";
import { RawClient } from "../unary.js";
import { NO_ETCD } from "./backup-restore.js";

const BLOCK_PUTS = 5_000;
const COMMITS_IN_FLIGHT = 4;
const READER_BYTES_PER_SECOND = 50e6;
const LATENCY_COMMITS = 200;
const LATENCY_PUTS = 100;
const LATENCY_PACE_MS = 20;
const LATENCY_RUNS = 5;
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

/** p99 commit latency without and beside a stream whose reader takes 50 MB/s. */
export async function measureLatency(pair: Pair, items: number): Promise<Row> {
  const client = new StreamClient(pair.gateway.listen);
  const ratios: number[] = [];
  let last = "";
  for (let run = 0; run < LATENCY_RUNS; run++) {
    const alone = await p99(pair, items, run * 2);
    const stop = new AbortController();
    const leaseId = await client.acquire();
    const reader = readHeld(client, leaseId, stop.signal);
    const beside = await p99(pair, items, run * 2 + 1);
    stop.abort();
    await reader;
    await client.release(leaseId);
    ratios.push(beside / alone);
    last = `${round(beside)} ms beside, ${round(alone)} ms alone`;
  }
  client.close();
  return {
    work: "p99 commit latency beside a 50 MB/s stream",
    measured: last,
    figure: median(ratios),
    unit: "x",
    better: "smaller",
    owed: 1.2,
    stretch: 1.1,
  };
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

async function p99(pair: Pair, items: number, round: number): Promise<number> {
  const client = new RawClient(pair.storage.listen);
  const latencies: number[] = [];
  for (let commit = 0; commit < LATENCY_COMMITS; commit++) {
    const from = (commit * LATENCY_PUTS) % items;
    const block = blockOf(from, from + LATENCY_PUTS, 1_000 + round);
    const start = performance.now();
    await client.call(COMMIT_BLOCK, block);
    const took = performance.now() - start;
    latencies.push(took);
    await delay(Math.max(0, LATENCY_PACE_MS - took));
  }
  client.close();
  return latencies.sort((a, b) => a - b)[Math.floor(LATENCY_COMMITS * 0.99)] ?? Number.NaN;
}

async function readHeld(client: StreamClient, leaseId: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const call = client.open(leaseId);
    call.on("error", () => undefined);
    const start = performance.now();
    let bytes = 0;
    try {
      for await (const frame of call) {
        bytes += (frame as Buffer).length;
        const ahead = (bytes / READER_BYTES_PER_SECOND) * 1000 - (performance.now() - start);
        if (ahead > 1) await delay(ahead);
        if (signal.aborted) break;
      }
    } finally {
      call.cancel();
    }
  }
}

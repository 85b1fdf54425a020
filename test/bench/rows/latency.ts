import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Pair } from "../pair.js";
import { median, type Row, round } from "../table.js";

const READER_BYTES_PER_SECOND = 50e6;
const RUNS = 5;

/** p99 commit latency without and beside a stream whose reader takes 50 MB/s. */
export async function measureLatency(pair: Pair, items: number): Promise<Row> {
  const ratios: number[] = [];
  let last = "";
  for (let run = 0; run < RUNS; run++) {
    const aloneMs = await p99Ms(pair, items, run * 2);
    const stopReader = await startReader(pair);
    const besideMs = await p99Ms(pair, items, run * 2 + 1);
    await stopReader();
    ratios.push(besideMs / aloneMs);
    last = `${round(besideMs)} ms beside, ${round(aloneMs)} ms alone`;
  }
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

async function p99Ms(pair: Pair, items: number, run: number): Promise<number> {
  const args = [script("commit-paced.js"), pair.storage.listen, String(items), String(1_000 + run)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const latencies = JSON.parse(stdout) as number[];
  return latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? Number.NaN;
}

/** @returns once it reads; what ends it. */
async function startReader(pair: Pair): Promise<() => Promise<void>> {
  const args = [script("hold-stream.js"), pair.gateway.listen, String(READER_BYTES_PER_SECOND)];
  const reader = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(reader, "exit");
  await Promise.race([
    once(reader.stdout, "data"),
    ended.then(([code]) => Promise.reject(new Error(`the held reader ended with ${code}`))),
  ]);
  return async () => {
    reader.stdin.end();
    await ended;
  };
}

function script(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

// Commits blocks at a steady pace and prints how long each took, milliseconds, as a line of JSON:
//   node commit-paced.js ADDRESS ITEMS ROUND
// A process of its own, with its blocks encoded before it begins: what else a bench does, and the
// garbage of it, must not count as latency of the store.
import { setTimeout as delay } from "node:timers/promises";
import { blockOf, COMMIT_BLOCK } from "./pair.js";
import { RawClient } from "./unary.js";

const COMMITS = 400;
/** Before them, not counted, until the code of the client is compiled. */
const WARM_COMMITS = 50;
const PUTS = 100;
const PACE_MS = 20;

const [address = "", items = "0", round = "0"] = process.argv.slice(2);
const blocks = Array.from({ length: WARM_COMMITS + COMMITS }, (_, index) => {
  const from = (index * PUTS) % Number(items);
  return blockOf(from, from + PUTS, Number(round));
});
const client = new RawClient(address);
const latencies: number[] = [];
for (const block of blocks) {
  const start = performance.now();
  await client.call(COMMIT_BLOCK, block);
  const tookMs = performance.now() - start;
  latencies.push(tookMs);
  await delay(Math.max(0, PACE_MS - tookMs));
}
client.close();
process.stdout.write(`${JSON.stringify(latencies.slice(WARM_COMMITS))}\n`);

// Reads whole snapshots of a gateway and drops the bytes, in a process that has done nothing else:
//   node read-stream.js ADDRESS RUNS
// Prints one line of JSON for each run.
import { calmCollector } from "@holdfast/rpc/client";
import { StreamClient } from "./streams.js";

calmCollector();
const [address = "", runs = "1"] = process.argv.slice(2);
const client = new StreamClient(address);
const leaseId = await client.acquire();
for (let run = 0; run < Number(runs); run++) {
  process.stdout.write(`${JSON.stringify(await client.drain(leaseId))}\n`);
}
await client.release(leaseId);
client.close();

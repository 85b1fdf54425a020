// Reads snapshots of a gateway again and again, as many bytes a second and no more, until its input
// ends; prints a line when the first frame is there:
//   node hold-stream.js ADDRESS BYTES_PER_SECOND
import { setTimeout as delay } from "node:timers/promises";
import { calmCollector } from "@holdfast/rpc/client";
import { StreamClient } from "./streams.js";

calmCollector();
const [address = "", bytesPerSecond = "0"] = process.argv.slice(2);
const stop = new AbortController();
process.stdin.resume().once("end", () => stop.abort());
const client = new StreamClient(address);
const leaseId = await client.acquire();
let isReading = false;
while (!stop.signal.aborted) {
  const call = client.open(leaseId);
  call.on("error", () => undefined);
  const start = performance.now();
  let bytes = 0;
  try {
    for await (const frame of call) {
      if (!isReading) process.stdout.write("reading\n");
      isReading = true;
      bytes += (frame as Buffer).length;
      const aheadMs = (bytes / Number(bytesPerSecond)) * 1000 - (performance.now() - start);
      if (aheadMs > 1) await delay(aheadMs);
      if (stop.signal.aborted) break;
    }
  } finally {
    call.cancel();
  }
}
await client.release(leaseId);
client.close();

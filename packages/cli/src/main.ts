import { limitStreamBuffers } from "@holdfast/rpc/stream-buffers";
import { Interrupted } from "./interrupted.js";
import { processStreams } from "./output.js";
import { run } from "./run.js";

limitStreamBuffers();
const interrupt = new AbortController();
let signals = 0;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    signals += 1;
    interrupt.abort(new Interrupted(name));
    // The first one lets the command leave things whole; they are whole without it, too.
    if (signals > 1) process.exit(name === "SIGINT" ? 130 : 143);
  });
}
// Timers and idle connections do not keep the process alive; this does, until the command is done.
const alive = setInterval(() => undefined, 60_000);
const exitCode = await run(process.argv.slice(2), processStreams, interrupt.signal);
clearInterval(alive);
// Everything was awaited and written; an input that nobody ends must not hold the process.
process.exit(exitCode);

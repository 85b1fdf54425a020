// A process that commits seeded blocks in three lanes until it is killed, and prints a line for
// each block that was acknowledged: `index first committed`.
import { writeSync } from "node:fs";
import { systemClock } from "@holdfast/core";
import { CommitThreads } from "../engine/commit-threads.js";
import { DataDir } from "../engine/data-dir.js";
import { Committer } from "../ledger/committer.js";
import { encodeBlock } from "./blocks.js";
import { loadBlock } from "./commit-load.js";

const [path = "", seed = "", from = ""] = process.argv.slice(2);
const dataDir = await DataDir.open(path);
const { env } = await dataDir.openLive();
const threads = await CommitThreads.start(env.path, {
  clock: systemClock,
  onFailure: (error) => {
    throw error;
  },
});
const committer = new Committer(threads, { check: async () => undefined });
const forever = new AbortController().signal;
let next = Number(from);

async function lane(): Promise<never> {
  for (;;) {
    const index = next++;
    const bytes = encodeBlock(loadBlock(Number(seed), index), { requestId: `block ${index}` });
    const { firstVersion, committedVersion } = await committer.commit(bytes, forever);
    writeSync(1, `${index} ${firstVersion} ${committedVersion}\n`);
  }
}

writeSync(1, "ready\n");
await Promise.all([lane(), lane(), lane()]);

// The pruner's thread: small write transactions between those of commits.
import { parentPort, workerData } from "node:worker_threads";
import { openGenerationEnv } from "./generation-env.js";
import { pageDamage } from "./page-damage.js";
import type { PruneReply, PruneRequest } from "./prune-messages.js";
import { pruneStep, raiseOldest } from "./prune-step.js";
import { packError } from "./worker-error.js";

const env = openGenerationEnv(workerData as string);
const main = parentPort;
if (main === null) throw new Error("this module runs in a thread");

main.on("message", (request: PruneRequest) => {
  if (request.kind === "close") {
    void env.close().finally(() => main.close());
    return;
  }
  main.postMessage(answer(request));
});

function answer(request: Exclude<PruneRequest, { kind: "close" }>): PruneReply {
  try {
    if (request.kind === "step") return { kind: "done", removed: pruneStep(env) };
    raiseOldest(env, request.oldest);
    return { kind: "done", removed: 0 };
  } catch (error) {
    return { kind: "failed", error: packError(pageDamage(error)) };
  }
}

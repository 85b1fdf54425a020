import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Oldest, PruneStore } from "../ledger/pruner.js";
import type { LiveGeneration } from "./live-generation.js";
import type { PruneReply, PruneRequest } from "./prune-messages.js";
import { unpackError } from "./worker-error.js";

/** Prunes the live generation in a thread of its own, which starts when it is first needed. */
export class PruneThread implements PruneStore {
  readonly #live: LiveGeneration;
  #worker: Worker | null = null;
  #path = "";

  constructor(live: LiveGeneration) {
    this.#live = live;
  }

  standing(): ReturnType<PruneStore["standing"]> {
    const { reader } = this.#live;
    reader.refresh();
    const { committed, oldestState, oldestTransaction, oldestJournal } = reader.meta();
    reader.release();
    if (committed === null) return null;
    return {
      committed,
      oldest: { state: oldestState, transaction: oldestTransaction, journal: oldestJournal },
    };
  }

  async raise(oldest: Oldest): Promise<void> {
    await this.#ask({ kind: "raise", oldest });
  }

  removeSome(): Promise<number> {
    return this.#ask({ kind: "step" });
  }

  /** Ends the thread, if there is one. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#worker = null;
    const ended = once(worker, "exit");
    const request: PruneRequest = { kind: "close" };
    worker.postMessage(request);
    await ended;
  }

  async #ask(request: PruneRequest): Promise<number> {
    if (this.#path !== this.#live.path) await this.close();
    if (this.#worker === null) {
      this.#path = this.#live.path;
      this.#worker = new Worker(new URL("prune-worker.js", import.meta.url), {
        workerData: this.#path,
      });
    }
    const answered = once(this.#worker, "message");
    this.#worker.postMessage(request);
    const [reply] = (await answered) as [PruneReply];
    if (reply.kind === "failed") throw unpackError(reply.error);
    return reply.removed;
  }
}

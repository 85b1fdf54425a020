import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Oldest, PruneStore } from "../ledger/pruner.js";
import type { LiveGeneration } from "./live-generation.js";
import type { PruneReply, PruneRequest } from "./prune-messages.js";
import { unpackError } from "./worker-error.js";

interface Pending {
  readonly resolve: (removed: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Prunes the live generation in a thread of its own, which starts when it is first needed. */
export class PruneThread implements PruneStore {
  readonly #live: LiveGeneration;
  #worker: Worker | null = null;
  #pending: Pending | null = null;
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
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    this.#path = this.#live.path;
    const worker = new Worker(new URL("prune-worker.js", import.meta.url), {
      workerData: this.#path,
    });
    worker.on("message", (reply: PruneReply) => {
      const pending = this.#pending;
      this.#pending = null;
      if (reply.kind === "failed") pending?.reject(unpackError(reply.error));
      else pending?.resolve(reply.removed);
    });
    worker.on("error", (error) => this.#lose(worker, error));
    worker.on("exit", () => this.#lose(worker, new Error("the prune thread ended")));
    this.#worker = worker;
    return worker;
  }

  /** The thread is gone: who waits is told, and the next request starts another. */
  #lose(worker: Worker, error: unknown): void {
    if (this.#worker === worker) this.#worker = null;
    this.#pending?.reject(error);
    this.#pending = null;
  }
}

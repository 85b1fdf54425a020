import { Worker } from "node:worker_threads";
import { HoldfastError } from "@holdfast/core";
import { encodeTransactionInfo } from "@holdfast/merkle";
import type {
  Completion,
  GenerationBuilder,
  PendingTiles,
  WrittenTiles,
} from "../restore/generation-builder.js";
import type { PlanTotals } from "../restore/plan-check.js";
import type { PlanTile } from "../restore/plan-row.js";
import { type ProvedBatch, transferList } from "../restore/tile-prover.js";
import type {
  BuildReply,
  BuildRequest,
  BuildThreadData,
  NumberedRequest,
} from "./build-messages.js";
import { RESTORE_THREAD } from "./restore-thread.js";
import { encodeHistories } from "./schema.js";
import { unpackError } from "./worker-error.js";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that has a generation under way open and writes it. */
export class BuildThread implements GenerationBuilder {
  readonly #worker: Worker;
  /** Bounded by the callers: one plan, at most 4 uploads, and single calls under a mutex. */
  readonly #pending: Map<number, Pending> = new Map();
  #nextId = 0;
  #lost: Error | null = null;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#worker.on("message", (reply: BuildReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (reply.kind === "done") pending?.resolve(reply.value);
      else pending?.reject(buildError(unpackError(reply.error)));
    });
    this.#worker.on("error", (error) => this.#lose(error));
    this.#worker.on("exit", () => this.#lose(new Error("the build thread ended")));
  }

  /**
   * Starts a thread on the environment in a folder, made when it is missing; resolves when it is
   * open.
   * @throws ENGINE_FAILED.
   */
  static async start(data: BuildThreadData): Promise<BuildThread> {
    const worker = new Worker(new URL("build-worker.js", import.meta.url), {
      ...RESTORE_THREAD,
      workerData: data,
    });
    const thread = new BuildThread(worker);
    await thread.#ask({ kind: "open" });
    return thread;
  }

  async beginPlan(totals: PlanTotals, head: Uint8Array): Promise<void> {
    await this.#ask({ kind: "beginPlan", totals, head });
  }

  async addPlan(tiles: readonly PlanTile[]): Promise<void> {
    await this.#ask({ kind: "addPlan", tiles });
  }

  async endPlan(): Promise<Buffer> {
    return Buffer.from((await this.#ask({ kind: "endPlan" })) as Uint8Array);
  }

  async own(token: bigint): Promise<number> {
    return (await this.#ask({ kind: "own", token })) as number;
  }

  async write(token: bigint, batch: ProvedBatch): Promise<WrittenTiles> {
    const request: BuildRequest = { kind: "write", token, batch };
    return (await this.#ask(request, transferList(batch))) as WrittenTiles;
  }

  async pending(after: string, limit: number): Promise<PendingTiles> {
    return (await this.#ask({ kind: "pending", after, limit })) as PendingTiles;
  }

  async complete(token: bigint, completion: Completion): Promise<void> {
    await this.#ask({
      kind: "complete",
      token,
      ledgerId: completion.ledgerId,
      histories: encodeHistories(completion.histories),
      info: encodeTransactionInfo(completion.info),
      logSiblings: completion.logSiblings,
    });
  }

  async tidy(): Promise<void> {
    await this.#ask({ kind: "tidy" });
  }

  async close(): Promise<void> {
    if (this.#lost !== null) return;
    await this.#ask({ kind: "close" });
  }

  #ask(request: BuildRequest, moved: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#lost !== null) return Promise.reject(buildError(this.#lost));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      const message: NumberedRequest = { id, request };
      this.#worker.postMessage(message, moved);
    });
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#pending.values()) reject(buildError(error));
    this.#pending.clear();
  }
}

/** What LMDB throws is no fault of the caller's. */
function buildError(error: Error): Error {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError("ENGINE_FAILED", "The generation that is built cannot be written.", {
    cause: error,
  });
}

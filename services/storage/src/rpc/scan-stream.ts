import { createHash, type Hash } from "node:crypto";
import { backup } from "@holdfast/api";
import { type BoundedExecutor, ChildAbort, type Clock } from "@holdfast/core";
import type { CallContext, FrameStream } from "@holdfast/rpc";
import type { GenerationUse, LiveGeneration } from "../engine/live-generation.js";
import type { FrameResult } from "../engine/scan-job.js";
import type { ScanPool } from "../engine/scan-pool.js";
import type { LeaseGate } from "../lease/ports.js";
import type { AheadOfReaders } from "./frames-ahead.js";

/** What streams are served with. */
export interface ScanStreamDependencies {
  readonly live: LiveGeneration;
  readonly scans: ScanPool;
  readonly leases: LeaseGate;
  /** Streams at the same time. */
  readonly slots: BoundedExecutor;
  readonly ahead: AheadOfReaders;
  readonly clock: Clock;
}

/** A stream whose request was checked. */
export interface StreamPlan<R extends FrameResult> {
  readonly header: backup.StreamHeader;
  /** Does the first job; null when there is nothing to send. */
  readonly first: FillFrames<R> | null;
  /** Whether its frames cost a thread little. */
  readonly mayRunFar: boolean;
  /** What goes on behind the results of a job; null behind the last. */
  readonly next: (results: readonly R[]) => FillFrames<R> | null;
}

/** Does a job. @returns one result or more. */
export type FillFrames<R extends FrameResult> = (
  ahead: FillAhead,
  signal: AbortSignal,
) => Promise<readonly R[]>;

/** How far a job may run ahead of its reader, and with which memory. */
export interface FillAhead {
  /** At most so many frames. */
  readonly framesMax: number;
  /** Memory of frames that were sent, to be used again. */
  readonly memory: readonly ArrayBuffer[];
}

/** Frames above this are not kept to be used again: a stream's memory is bounded. */
const SPARE_BYTES_MAX: number = 2 ** 18;

/**
 * Serves one stream: slot, lease, checks, header, frames, trailer. One job fills frames ahead while
 * those of the job before are sent. Nothing is sent before the slot is there and the request was
 * checked.
 * @param plan checks the request; its generation stays in use until the stream ends.
 * @throws NO_SLOT, LEASE_*, what the plan or a job throws, the reason of the call's signal.
 */
export async function serveScan<R extends FrameResult>(
  dependencies: ScanStreamDependencies,
  leaseId: string,
  context: CallContext,
  frames: FrameStream<Buffer>,
  plan: (use: GenerationUse, signal: AbortSignal) => Promise<StreamPlan<R>>,
): Promise<void> {
  const { leases, live, slots } = dependencies;
  const guard = leases.shared(leaseId);
  const unsubscribe = guard.onEnd((error) => frames.abort(error));
  using abort = new ChildAbort(context.signal);
  try {
    await slots.run(context.signal, async () => {
      guard.check();
      const use = live.use();
      try {
        const { header, first, next, mayRunFar } = await plan(use, abort.signal);
        await frames.send(encoded({ $case: "header", value: header }));
        const sum = new StreamSum();
        using ahead = dependencies.ahead.forStream(mayRunFar);
        let memory: ArrayBuffer[] = [];
        const fill = (job: FillFrames<R> | null): Pending<R> | null =>
          job && begin(job, { framesMax: ahead.frames, memory }, abort.signal);
        let pending = fill(first);
        let reason: backup.HeartbeatReason = backup.HeartbeatReason.WAITING_FOR_WORKER;
        while (pending !== null) {
          ahead.adjust(!pending.isDone);
          const results: readonly R[] = await frames.heartbeatWhile(pending.results, () =>
            heartbeat(reason),
          );
          pending = fill(next(results));
          memory = [];
          for (const result of results) {
            reason = reasonAfter(result);
            if (result.frame === null) continue;
            guard.check();
            const { memory: bytes, offset, length } = result.frame;
            await frames.send(Buffer.from(bytes, offset, length), result.last);
            sum.add(result);
            if (bytes.byteLength <= SPARE_BYTES_MAX) memory.push(bytes);
          }
        }
        guard.check();
        await frames.finish(encoded({ $case: "trailer", value: sum.trailer() }));
      } finally {
        // A frame that is being filled ahead is wanted no more.
        abort.abort(context.signal.reason ?? new Error("the stream has ended"));
        use.release();
      }
    });
  } finally {
    unsubscribe();
  }
}

type Part = NonNullable<backup.StreamStateSnapshotResponse["part"]>;

/** A frame without chunks: its bytes are the same in all streams of BackupService. */
function encoded(part: Part): Buffer {
  return Buffer.from(backup.StreamStateSnapshotResponse.encode({ part }).finish());
}

function heartbeat(reason: backup.HeartbeatReason): Buffer {
  return encoded({ $case: "heartbeat", value: { reason } });
}

/** A delta that had no frame yet gathers changes. */
function reasonAfter({ frame }: FrameResult): backup.HeartbeatReason {
  return frame === null
    ? backup.HeartbeatReason.GATHERING_CHANGES
    : backup.HeartbeatReason.WAITING_FOR_WORKER;
}

/** A job under way. */
interface Pending<R extends FrameResult> {
  readonly results: Promise<readonly R[]>;
  isDone: boolean;
}

/** Begins a job whose failure is seen when it is awaited, which may be later. */
function begin<R extends FrameResult>(
  job: FillFrames<R>,
  ahead: FillAhead,
  signal: AbortSignal,
): Pending<R> {
  const pending: Pending<R> = { results: job(ahead, signal), isDone: false };
  const done = (): void => {
    pending.isDone = true;
  };
  pending.results.then(done, done);
  return pending;
}

/** What a call has sent. */
class StreamSum {
  readonly #sha256: Hash = createHash("sha256");
  #tiles = 0;
  #items = 0;
  #bytes = 0;

  add({ bodies, items, bytes, chunkIds }: FrameResult): void {
    this.#tiles += bodies;
    this.#items += items;
    this.#bytes += bytes;
    this.#sha256.update(chunkIds);
  }

  trailer(): backup.StreamTrailer {
    return {
      tiles: BigInt(this.#tiles),
      items: BigInt(this.#items),
      bytes: BigInt(this.#bytes),
      sha256: this.#sha256.digest(),
    };
  }
}

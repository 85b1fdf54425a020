// The writer thread: applies packed batches in the order they come. What has queued up while the
// disk was busy goes into one transaction (group commit).
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { goFirst } from "@holdfast/core";
import { BatchApplier } from "./apply-batch.js";
import type { CommitThreadData, WriterReply, WriterRequest } from "./commit-messages.js";
import { EarlySync } from "./early-sync.js";
import { openGenerationEnv } from "./generation-env.js";
import type { Segment } from "./packed-batch.js";
import { packError } from "./worker-error.js";

/** Batches in one transaction at most, so that no answer waits for long. */
const GROUP_MAX = 8;

goFirst();
const { path, peer } = workerData as CommitThreadData;
let env = openGenerationEnv(path);
let early = new EarlySync(path);
let applier = new BatchApplier(env, early);

peer.on("message", (first: WriterRequest) => {
  const requests = [first];
  while (requests.length < GROUP_MAX) {
    const next = receiveMessageOnPort(peer) as { message: WriterRequest } | undefined;
    if (next === undefined) break;
    requests.push(next.message);
  }
  const segments: Segment[] = [];
  let version: bigint | null = null;
  /** A move or the end comes when nothing is under way, so that nothing comes behind it. */
  let last: (() => Promise<void>) | null = null;
  for (const request of requests) {
    if (request.kind === "write") {
      segments.push(...request.segments);
      version = request.version;
    } else {
      last = request.kind === "close" ? close : () => move(request.path);
    }
  }
  if (version !== null && !apply(segments, version)) return;
  void last?.();
});

/** @returns false when the batches could not be written: then the environment is finished. */
function apply(segments: readonly Segment[], version: bigint): boolean {
  try {
    applier.apply(segments);
  } catch (error) {
    reply(peer, { kind: "failed", error: packError(error) }, []);
    early.close();
    peer.close();
    return false;
  }
  const buffers = segments.map(({ buffer }) => buffer);
  reply(peer, { kind: "written", version, buffers }, buffers);
  return true;
}

/** An error ends the thread, and with it the engine. */
async function move(to: string): Promise<void> {
  early.close();
  await env.close();
  env = openGenerationEnv(to);
  early = new EarlySync(to);
  applier = new BatchApplier(env, early);
  reply(peer, { kind: "moved" }, []);
}

async function close(): Promise<void> {
  early.close();
  try {
    await env.close();
  } finally {
    peer.close();
  }
}

function reply(port: MessagePort, message: WriterReply, transfer: ArrayBuffer[]): void {
  port.postMessage(message, transfer);
}

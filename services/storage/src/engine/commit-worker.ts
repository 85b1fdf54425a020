// The committer thread: turns blocks into batches on top of each other, a few ahead of the disk,
// and answers each when it is durable.
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { goFirst, systemClock } from "@holdfast/core";
import type { CommitAnswer } from "../ledger/block.js";
import { encodeAnswer } from "./answer-codec.js";
import { CommitCore } from "./commit-core.js";
import type {
  CommitThreadData,
  CommitterReply,
  CommitterRequest,
  WriterReply,
  WriterRequest,
} from "./commit-messages.js";
import { type GenerationEnv, openGenerationEnv } from "./generation-env.js";
import { pageDamage } from "./page-damage.js";
import { packError } from "./worker-error.js";

/** Blocks handed to the writer and not durable yet, at most: bounds memory and time to undo. */
const AHEAD_MAX = 4;
/** Memory from which this thread cuts its small buffers. */
const NODE_POOL_BYTES = 131_072;

// Nodes are cut from pools: with Node's 8 KiB every fifth would need a new one.
Buffer.poolSize = NODE_POOL_BYTES;

goFirst();
const { path, peer } = workerData as CommitThreadData;
const main = parentPort;
if (main === null) throw new Error("this module runs in a thread");
let env = openGenerationEnv(path);
let core = coreOf(env);

/** Blocks that wait; the main thread sends few at a time. */
const queue: Extract<CommitterRequest, { kind: "commit" }>[] = [];
/** Answers to be given when their version is durable, in order of version. */
const unanswered: { id: number; answer: CommitAnswer }[] = [];
/** Versions with the writer, ascending. */
const writing: bigint[] = [];
let isClosing = false;
/** Called when the writer has moved. */
let writerMoved = (): void => undefined;

main.on("message", (request: CommitterRequest) => {
  if (request.kind === "move") {
    void move(request.path);
    return;
  }
  if (request.kind === "close") isClosing = true;
  else queue.push(request);
  work();
});

peer.on("message", (reply: WriterReply) => {
  if (reply.kind === "failed") {
    toMain({ kind: "failed", error: reply.error });
    return;
  }
  if (reply.kind === "moved") {
    writerMoved();
    return;
  }
  core.recycle(reply.buffers);
  core.durable(reply.version);
  while (writing[0] !== undefined && writing[0] <= reply.version) writing.shift();
  answer();
  work();
});

toMain({ kind: "opened" });

/** Prepares one block at a time, so that what is durable is told between them. */
function work(): void {
  if (writing.length >= AHEAD_MAX) return;
  const next = queue.shift();
  if (next !== undefined) {
    prepare(next.id, next.request);
    if (queue.length > 0) setImmediate(work);
  }
  if (isClosing && queue.length === 0 && writing.length === 0) void close();
}

function prepare(id: number, request: Uint8Array): void {
  let prepared: ReturnType<CommitCore["prepare"]>;
  try {
    const { buffer, byteOffset, byteLength } = request;
    prepared = core.prepare(Buffer.from(buffer, byteOffset, byteLength));
  } catch (error) {
    toMain({ kind: "refused", id, error: packError(pageDamage(error)) });
    return;
  }
  const { answer: given, segments } = prepared;
  unanswered.push({ id, answer: given });
  if (segments.length === 0) {
    answer();
    return;
  }
  writing.push(given.committedVersion);
  const write: WriterRequest = { kind: "write", version: given.committedVersion, segments };
  peer.postMessage(
    write,
    segments.map(({ buffer }) => buffer),
  );
}

/** Gives the answers whose version is durable. A repeat may stand behind the block it repeats. */
function answer(): void {
  const firstPending = writing[0];
  for (;;) {
    const next = unanswered[0];
    if (next === undefined) return;
    if (firstPending !== undefined && next.answer.committedVersion >= firstPending) return;
    unanswered.shift();
    toMain({ kind: "committed", id: next.id, answer: encodeAnswer(next.answer) });
  }
}

function coreOf(open: GenerationEnv): CommitCore {
  return new CommitCore(open, { wallUs: systemClock.wallUs, randomBytes });
}

/** An error ends the thread, and with it the engine. */
async function move(to: string): Promise<void> {
  const request: WriterRequest = { kind: "move", path: to };
  const moved = new Promise<void>((resolve) => {
    writerMoved = resolve;
  });
  peer.postMessage(request);
  await env.close();
  await moved;
  env = openGenerationEnv(to);
  core = coreOf(env);
  toMain({ kind: "opened" });
}

async function close(): Promise<void> {
  isClosing = false;
  const request: WriterRequest = { kind: "close" };
  peer.postMessage(request);
  await env.close();
  main?.close();
}

function toMain(reply: CommitterReply): void {
  main?.postMessage(reply);
}

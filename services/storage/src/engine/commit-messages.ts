import type { MessagePort } from "node:worker_threads";
import type { Segment } from "./packed-batch.js";
import type { PackedError } from "./worker-error.js";

/** How both commit threads begin. */
export interface CommitThreadData {
  /** Folder of the generation. */
  readonly path: string;
  /** To the other thread. */
  readonly peer: MessagePort;
}

/** From the main thread to the committer. */
export type CommitterRequest =
  | { readonly kind: "commit"; readonly id: number; readonly request: Uint8Array }
  /** To the generation in this folder; nothing is under way. */
  | { readonly kind: "move"; readonly path: string }
  | { readonly kind: "close" };

/** From the committer to the main thread. */
export type CommitterReply =
  /** Blocks can be committed: after the start, and after a move. */
  | { readonly kind: "opened" }
  /** Encoded as in answer-codec.ts; the block is durable. */
  | { readonly kind: "committed"; readonly id: number; readonly answer: Uint8Array }
  /** The block is wrong; nothing was written of it. */
  | { readonly kind: "refused"; readonly id: number; readonly error: PackedError }
  /** The engine failed; nothing more will come. */
  | { readonly kind: "failed"; readonly error: PackedError };

/** From the committer to the writer. */
export type WriterRequest =
  | { readonly kind: "write"; readonly version: bigint; readonly segments: readonly Segment[] }
  | { readonly kind: "move"; readonly path: string }
  | { readonly kind: "close" };

/** From the writer to the committer. */
export type WriterReply =
  | {
      readonly kind: "written";
      /** All batches up to this version are durable. */
      readonly version: bigint;
      /** Their buffers, to be filled again. */
      readonly buffers: readonly ArrayBuffer[];
    }
  | { readonly kind: "moved" }
  | { readonly kind: "failed"; readonly error: PackedError };

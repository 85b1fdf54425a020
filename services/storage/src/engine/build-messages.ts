import type { PlanTotals } from "../restore/plan-check.js";
import type { PlanTile } from "../restore/plan-row.js";
import type { ProvedBatch } from "../restore/tile-prover.js";
import type { PackedError } from "./worker-error.js";

/** How a build thread starts. */
export interface BuildThreadData {
  /** Folder of the environment. */
  readonly path: string;
  /** The version that is restored. */
  readonly version: bigint;
}

/** What a build thread is asked. */
export type BuildRequest =
  | { readonly kind: "open" }
  | { readonly kind: "beginPlan"; readonly totals: PlanTotals; readonly head: Uint8Array }
  | { readonly kind: "addPlan"; readonly tiles: readonly PlanTile[] }
  | { readonly kind: "endPlan" }
  | { readonly kind: "own"; readonly token: bigint }
  | { readonly kind: "write"; readonly token: bigint; readonly batch: ProvedBatch }
  | { readonly kind: "pending"; readonly after: string; readonly limit: number }
  | {
      readonly kind: "complete";
      readonly token: bigint;
      readonly ledgerId: Uint8Array;
      /** As meta `histories` has them. */
      readonly histories: Uint8Array;
      /** Fixed layout of the transaction info. */
      readonly info: Uint8Array;
      readonly logSiblings: readonly Uint8Array[];
    }
  | { readonly kind: "tidy" }
  | { readonly kind: "close" };

/** A request with the number its reply carries. */
export interface NumberedRequest {
  readonly id: number;
  readonly request: BuildRequest;
}

/** The reply to one request. */
export type BuildReply =
  | { readonly kind: "done"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly error: PackedError };

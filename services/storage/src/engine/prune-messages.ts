import type { Oldest } from "../ledger/pruner.js";
import type { PackedError } from "./worker-error.js";

/** From the main thread to the pruner's; one at a time. */
export type PruneRequest =
  | { readonly kind: "raise"; readonly oldest: Oldest }
  | { readonly kind: "step" }
  | { readonly kind: "close" };

/** Its answer. */
export type PruneReply =
  | { readonly kind: "done"; readonly removed: number }
  | { readonly kind: "failed"; readonly error: PackedError };

import { SeededRandom } from "@holdfast/testing";
import { randomBlock } from "./blocks.js";
import type { ModelTransaction } from "./ledger-model.js";

const KEYS = 200;
/** Keeps the blocks of different seeds apart. */
const SEED_STRIDE = 1_000_003;

/** Block number `index` of a load: the same in every process. */
export function loadBlock(seed: number, index: number): ModelTransaction[] {
  return randomBlock(new SeededRandom(seed * SEED_STRIDE + index), KEYS);
}

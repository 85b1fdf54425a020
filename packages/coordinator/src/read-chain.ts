import type { Archive } from "@holdfast/archive";
import { archiveContents, chooseWhole } from "./archive-contents.js";
import type { JobDependencies } from "./job.js";
import { type Chain, completeChain, type StateWish } from "./restore-choice.js";

/**
 * The chain of an archive that a wish means.
 * @throws like `chooseWhole` and `completeChain`.
 */
export async function readChain(
  archive: Archive,
  wish: StateWish,
  { onNotice, signal }: JobDependencies,
): Promise<Chain> {
  const contents = await archiveContents(archive, signal);
  return completeChain(contents.snapshots, chooseWhole(contents, wish, onNotice));
}

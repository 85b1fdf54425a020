import { type Archive, type Damage, DamageError } from "@holdfast/archive";
import type { JobDependencies } from "./job.js";
import { type Chain, chooseChain, type StateWish } from "./restore-choice.js";
import { archivedSnapshot } from "./snapshot-view.js";

/**
 * The chain of an archive that a wish means. A damaged manifest is told and left out, unless it may
 * be of the very state that is wanted: an older one is never taken silently in its place.
 * @throws DamageError, and like `chooseChain`.
 */
export async function readChain(
  archive: Archive,
  wish: StateWish,
  { onNotice }: JobDependencies,
): Promise<Chain> {
  const damages: Damage[] = [];
  const summaries = await archive.snapshots({ onDamage: (damage) => damages.push(damage) });
  const [first] = damages;
  if (summaries.length === 0 && first !== undefined) throw new DamageError(first);
  const chain = chooseChain(summaries.map(archivedSnapshot), wish);
  const { version } = chain.at(-1) ?? chain[0];
  for (const damage of damages) {
    const damaged = versionOf(damage.file);
    const isBeyond = damaged !== null && wish.toVersion !== undefined && damaged > wish.toVersion;
    if (!isBeyond && (damaged === null || damaged > version)) throw new DamageError(damage);
    onNotice?.(`${damage.file} is damaged and left out: ${damage.message}`);
  }
  return chain;
}

/** The version in the name of a manifest. */
function versionOf(file: string): bigint | null {
  const digits = /(?:^|\/)(\d{20})-/.exec(file)?.[1];
  return digits === undefined ? null : BigInt(digits);
}

import { createHash } from "node:crypto";
import { invalidField, limits } from "@holdfast/core";
import { encodeTransactionInfo, frontierOfStateRootProof } from "@holdfast/merkle";
import type { History } from "../state/state-reader.js";
import type { PlanTotals } from "./plan-check.js";
import type { LiveName, RestorePlan } from "./restore-session.js";

/** The lease under which a call of a restore is made. */
export interface Authority {
  readonly leaseId: string;
  readonly token: bigint;
}

/** A begin without its tiles. */
export interface BeginRequest extends Authority {
  /** Empty: it is never repeated. */
  readonly requestId: string;
  readonly plan: Omit<RestorePlan, "digest">;
  /** The live state as the caller saw it. */
  readonly live: LiveName;
  /** Go on although versions of the live store will be lost. */
  readonly replace: boolean;
}

/**
 * Checks what a plan says besides its tiles.
 * @throws PROOF_INVALID when the info is no checkpoint's or its proof malformed; INVALID_REQUEST
 * when the histories do not hang together.
 */
export function checkPlanHead({ histories, info, logSiblings }: BeginRequest["plan"]): void {
  frontierOfStateRootProof(info, logSiblings);
  let fork = info.version;
  for (const [index, { forkVersion }] of histories.entries()) {
    const isGenesis = index === histories.length - 1;
    if (isGenesis !== (forkVersion === null)) {
      throw invalidField("head.histories", "the last one, and only that, has no fork version");
    }
    if (forkVersion === null) continue;
    if (forkVersion > fork || forkVersion > limits.VERSION_MAX) {
      throw invalidField("head.histories", "fork versions never grow towards genesis");
    }
    fork = forkVersion;
  }
  if (histories.length === 0) throw invalidField("head.histories", "at least one");
}

/** What the tiles of a plan must come to. */
export function totalsOf({ tileCount, items, bytes, info }: BeginRequest["plan"]): PlanTotals {
  if (info.stateRoot === null) throw new Error("the info is a checkpoint's");
  return { tileCount, items, bytes, stateRoot: info.stateRoot };
}

/** A digest of all that a plan says besides its tiles. */
export function planHead(plan: BeginRequest["plan"]): Buffer {
  const histories = plan.histories.map(
    ({ historyId, forkVersion }: History) => `${historyId.toString("hex")} ${forkVersion ?? "-"}`,
  );
  const text = [
    plan.ledgerId.toString("hex"),
    histories.join(","),
    encodeTransactionInfo(plan.info).toString("hex"),
    plan.logSiblings.map((sibling) => sibling.toString("hex")).join(","),
    `${plan.tileCount} ${plan.items} ${plan.bytes}`,
  ].join("\n");
  return createHash("sha256").update(text).digest();
}

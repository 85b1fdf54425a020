import { backup } from "@holdfast/api";
import type { Clock } from "@holdfast/core";
import type { CallContext } from "@holdfast/rpc";
import { proveRoot } from "../state/log-proofs.js";
import type { StoreReader } from "../state/state-reader.js";
import type { ReadState } from "./expected-state.js";
import { rootProofMessage, timestampMessage } from "./state-messages.js";

/** What a header says besides the state. */
export interface HeaderDetails {
  readonly itemsToCome: bigint;
  readonly bytesToCome: bigint;
  /** Of a delta. */
  readonly from?: { readonly version: bigint; readonly root: Buffer };
}

const NOTHING: Buffer = Buffer.alloc(0);

/** The part of a header that is read from the store. */
export function stateHeader(
  reader: StoreReader,
  { meta, checkpoint }: ReadState,
): Omit<backup.StreamHeader, "itemsToCome" | "bytesToCome" | "deadlineTime"> {
  const { version, stateRoot } = checkpoint;
  return {
    ledgerId: meta.ledgerId ?? NOTHING,
    historyId: meta.histories[0]?.historyId ?? NOTHING,
    version,
    stateRoot,
    rootProof: rootProofMessage(proveRoot(reader, version)),
    codec: backup.Codec.NONE,
    fromVersion: undefined,
    fromRoot: NOTHING,
  };
}

/** The whole header. */
export function streamHeader(
  state: ReturnType<typeof stateHeader>,
  { itemsToCome, bytesToCome, from }: HeaderDetails,
  { deadlineMs }: CallContext,
  clock: Clock,
): backup.StreamHeader {
  const leftUs = BigInt(Math.max(0, Math.round((deadlineMs - clock.monotonicMs()) * 1_000)));
  return {
    ...state,
    itemsToCome,
    bytesToCome,
    deadlineTime: timestampMessage(clock.wallUs() + leftUs),
    fromVersion: from?.version,
    fromRoot: from?.root ?? NOTHING,
  };
}

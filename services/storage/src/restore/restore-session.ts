import type { TransactionInfo } from "@holdfast/merkle";
import type { History } from "../state/state-reader.js";

/** How a restore stands: building -> published | aborted, both for good. */
export type RestoreState = "building" | "published" | "aborted";

/** The store as the caller of begin saw it. */
export interface LiveName {
  /** 16 bytes; null for an empty store. */
  readonly historyId: Buffer | null;
  /** Null for an empty store. */
  readonly committed: bigint | null;
  /** 32 bytes; the placeholder for an empty store. */
  readonly stateRoot: Buffer;
}

/** What is to be restored; its tiles are rows of the generation that is built. */
export interface RestorePlan {
  /** 16 bytes. */
  readonly ledgerId: Buffer;
  /** The snapshot's history first, then its parents back to genesis. */
  readonly histories: readonly History[];
  /** The info at the version to restore; a checkpoint's. */
  readonly info: TransactionInfo;
  /** Its audit path as the last leaf of the log, deepest first. */
  readonly logSiblings: readonly Buffer[];
  readonly tileCount: number;
  readonly items: bigint;
  /** Sum of the encoded lengths of the items. */
  readonly bytes: bigint;
  /** SHA-256 over all of the above and the tiles in order: equal plans have equal digests. */
  readonly digest: Buffer;
}

/** A restore as it is kept in the control database. */
export interface RestoreSession {
  readonly sessionId: string;
  readonly state: RestoreState;
  /** Number of the generation it builds. */
  readonly generation: number;
  /** The fencing token that owns the generation. */
  readonly ownerToken: bigint;
  readonly plan: RestorePlan;
  /** The live state that publish replaces. */
  readonly live: LiveName;
  /** The begin that made or adopted it last, for its repeat. */
  readonly begin: BeginRecord;
  /** Microseconds since 1970. */
  readonly beginTimeUs: bigint;
  /** The history that publish begins; 16 bytes. */
  readonly newHistoryId: Buffer;
}

/** A begin and its answer. */
export interface BeginRecord {
  /** Empty: it is never repeated. */
  readonly requestId: string;
  readonly adopted: boolean;
  readonly tilesDone: number;
}

/** The histories of the store after the publish of a restore: a new one first. */
export function publishedHistories({ plan, newHistoryId }: RestoreSession): readonly History[] {
  return [{ historyId: newHistoryId, forkVersion: plan.info.version }, ...plan.histories];
}

import type { TransactionInfo } from "@holdfast/merkle";

/** A history of the store, as in `DbState`: the current one first, then its parents. */
export interface SnapshotHistory {
  /** 16 bytes. */
  readonly historyId: Buffer;
  /** The last version shared with the parent (the next in the list); unset at genesis. */
  readonly forkVersion?: bigint;
}

/** The snapshot that a delta starts from. Version and root name it; the name is a hint. */
export interface SnapshotBase {
  readonly name?: string;
  readonly version: bigint;
  /** 32 bytes. */
  readonly stateRoot: Buffer;
}

/** What a snapshot is of; the first line of its manifest. */
export interface SnapshotHead {
  readonly kind: "full" | "delta";
  /** 16 bytes. */
  readonly ledgerId: Buffer;
  /** The history it was taken on first, then its parents back to genesis; at least one. */
  readonly histories: readonly SnapshotHistory[];
  readonly version: bigint;
  /** State root at the version, 32 bytes. */
  readonly stateRoot: Buffer;
  /** Log root at the version, 32 bytes. */
  readonly logRoot: Buffer;
  /** Proof of both roots. */
  readonly rootProof: { readonly info: TransactionInfo; readonly logSiblings: readonly Buffer[] };
  /** Items of the state at the version (of a delta too). */
  readonly items: bigint;
  /** Sum of the encoded lengths of these items. */
  readonly bytes: bigint;
  /** Set on a delta and only there. */
  readonly base?: SnapshotBase;
  /** Whether every tile was folded and the root compared before publishing. */
  readonly proved: boolean;
  /** RFC 3339, UTC, milliseconds: when the backup began. */
  readonly createdTime: string;
}

/** What a caller says of a snapshot it begins; the archive sets the time. */
export type NewSnapshotHead = Omit<SnapshotHead, "createdTime">;

/** The last line of a manifest. */
export interface SnapshotFoot {
  /** Tile lines. */
  readonly tiles: number;
  /** Tile lines with a body. */
  readonly chunks: number;
  /** Sum of the stored lengths of the bodies: what the snapshot weighs. */
  readonly storedBytes: bigint;
  /** SHA-256 of all bytes of the manifest before this digest, 32 bytes. */
  readonly sha256: Buffer;
}

/** What `archive ls` shows. */
export interface SnapshotSummary {
  /** File name of the manifest without `.jsonl`. */
  readonly name: string;
  readonly head: SnapshotHead;
  readonly foot: SnapshotFoot;
  /** Length of the manifest, bytes. */
  readonly manifestBytes: number;
}

import type { backup, restore, types } from "@holdfast/api";
import { decodeTransactionInfo, foldChunk, sha256 } from "@holdfast/merkle";
import { chunkBody, type Item, tilesOf } from "../restore/restore.test-support.js";
import { infoMessage, treeNodeMessage } from "../rpc/state-messages.js";
import { hash, itemBytes, type LedgerModel, merkleTreeHash } from "./ledger-model.js";

/** One tile of a backup. */
export interface BackupTile {
  readonly path: string;
  readonly body: Buffer;
  readonly message: backup.Tile;
}

/** A full backup of a model ledger at a checkpoint, as an archive would give it. */
export interface ModelBackup {
  readonly version: bigint;
  readonly stateRoot: Buffer;
  readonly items: readonly Item[];
  readonly tiles: readonly BackupTile[];
  readonly bytes: bigint;
  readonly rootProof: types.StateRootProof;
  readonly ledgerId: Buffer;
  readonly histories: readonly types.History[];
}

/** The ledger and line a backup is of. */
export type BackupIdentity = Pick<ModelBackup, "ledgerId" | "histories">;

/** Takes a backup; a tile has at most `tileItemsMax` items. */
export function backupOf(
  model: LedgerModel,
  version: number,
  tileItemsMax: number,
  { ledgerId, histories }: BackupIdentity,
): ModelBackup {
  const items = [...(model.states[version] ?? [])]
    .map(([keyHex, value]): Item => {
      const key = Buffer.from(keyHex, "hex");
      return { key, value, keyHash: sha256(key) };
    })
    .sort((a, b) => a.keyHash.compare(b.keyHash));
  const tiles = tilesOf(items, tileItemsMax).map(({ path, items: own }): BackupTile => {
    const body = chunkBody(own);
    const { node, items: count, bytes } = foldChunk(path, body);
    const message = {
      path,
      node: treeNodeMessage(node),
      items: BigInt(count),
      bytes: BigInt(bytes),
    };
    return { path, body, message };
  });
  const info = decodeTransactionInfo(model.infos[version] ?? Buffer.alloc(0));
  return {
    version: BigInt(version),
    stateRoot: model.stateRoot(version),
    items,
    tiles,
    bytes: BigInt(
      items.reduce((sum, { key, value }) => sum + itemBytes(key.toString("hex"), value), 0),
    ),
    rootProof: {
      info: infoMessage(info),
      logSiblings: auditPath(version, model.infos.slice(0, version + 1)),
    },
    ledgerId,
    histories,
  };
}

/** RFC 6962, 2.1.1: PATH(index, entries). */
function auditPath(index: number, entries: readonly Buffer[]): Buffer[] {
  if (entries.length <= 1) return [];
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  const left = entries.slice(0, split);
  const right = entries.slice(split);
  return index < split
    ? [...auditPath(index, left), merkleTreeHash(right)]
    : [...auditPath(index - split, right), merkleTreeHash(left)];
}

/** The head of a begin, for an empty live store unless told otherwise. */
export function headOf(
  backup: ModelBackup,
  changes: Partial<restore.BeginRestoreHead> = {},
): restore.BeginRestoreHead {
  return {
    leaseId: "",
    fencingToken: 0n,
    requestId: "",
    ledgerId: backup.ledgerId,
    histories: backup.histories,
    rootProof: backup.rootProof,
    tileCount: BigInt(backup.tiles.length),
    items: BigInt(backup.items.length),
    bytes: backup.bytes,
    liveHistoryId: Buffer.alloc(0),
    liveCommittedVersion: undefined,
    liveStateRoot: Buffer.alloc(0),
    replace: false,
    ...changes,
  };
}

/** Ids from words. */
export function idOf(word: string): Buffer {
  return hash(Buffer.from(word)).subarray(0, 16);
}

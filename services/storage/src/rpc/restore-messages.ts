import type { backup, types, restore as wire } from "@holdfast/api";
import { type HoldfastError, invalidField, limits } from "@holdfast/core";
import { EMPTY_HASH, HASH_BYTES, type TransactionInfo, type TreeNode } from "@holdfast/merkle";
import type { BeginRequest } from "../restore/begin-request.js";
import type { PlanTile } from "../restore/plan-row.js";
import type { LiveName } from "../restore/restore-session.js";
import type { History } from "../state/state-reader.js";
import { parseText } from "./lease-messages.js";

const ID_BYTES = 16;

/** Most tiles of a plan: of 128 KiB each, 512 TiB. */
const TILES_MAX = 2n ** 32n;
/** Most histories of a plan, one for each published restore: what a message of 128 KiB holds. */
const HISTORIES_MAX = 4_096;
/** Most items or bytes of a plan. */
const COUNT_MAX = 2n ** 53n - 1n;

/** The head of a begin. @throws INVALID_REQUEST, PROOF_INVALID */
export function parseBeginHead(head: wire.BeginRestoreHead): BeginRequest {
  const { rootProof } = head;
  if (rootProof?.info === undefined) throw invalidField("head.root_proof", "missing");
  if (head.tileCount > TILES_MAX) throw invalidField("head.tile_count", `at most ${TILES_MAX}`);
  if (head.items > COUNT_MAX || head.bytes > COUNT_MAX) {
    throw invalidField("head.items", `items and bytes are at most ${COUNT_MAX}`);
  }
  if (head.histories.length > HISTORIES_MAX) {
    throw invalidField("head.histories", `at most ${HISTORIES_MAX}`);
  }
  return {
    leaseId: head.leaseId,
    token: head.fencingToken,
    requestId: parseText("head.request_id", head.requestId, 0, limits.REQUEST_ID_BYTES_MAX),
    plan: {
      ledgerId: fixed("head.ledger_id", head.ledgerId, ID_BYTES),
      histories: head.histories.map(parseHistory),
      info: parseInfo(rootProof.info),
      logSiblings: rootProof.logSiblings,
      tileCount: Number(head.tileCount),
      items: head.items,
      bytes: head.bytes,
    },
    live: parseLiveName(head),
    replace: head.replace,
  };
}

/** A tile of a plan. @throws INVALID_REQUEST */
export function parseTile({ path, node, items, bytes }: backup.Tile): PlanTile {
  if (items > COUNT_MAX || bytes > COUNT_MAX) {
    throw invalidField("tiles.items", `items and bytes are at most ${COUNT_MAX}`);
  }
  return { path, node: parseTreeNode(node), items: Number(items), bytes: Number(bytes) };
}

function parseLiveName(head: wire.BeginRestoreHead): LiveName {
  const { liveHistoryId, liveCommittedVersion, liveStateRoot } = head;
  const isEmpty = liveCommittedVersion === undefined;
  if (isEmpty !== (liveHistoryId.length === 0)) {
    throw invalidField("head.live_history_id", "set with live_committed_version, or neither");
  }
  if (isEmpty) return { historyId: null, committed: null, stateRoot: EMPTY_HASH };
  return {
    historyId: fixed("head.live_history_id", liveHistoryId, ID_BYTES),
    committed: liveCommittedVersion,
    stateRoot: fixed("head.live_state_root", liveStateRoot, HASH_BYTES),
  };
}

function parseHistory({ historyId, forkVersion }: types.History): History {
  return {
    historyId: fixed("head.histories.history_id", historyId, ID_BYTES),
    forkVersion: forkVersion ?? null,
  };
}

function parseInfo(info: types.TransactionInfo): TransactionInfo {
  const { commitTime, stateRoot } = info;
  const field = "head.root_proof.info";
  if (commitTime === undefined) throw invalidField(`${field}.commit_time`, "missing");
  const { seconds, nanos } = commitTime;
  // The info is hashed with microseconds: anything finer would be another time.
  if (seconds < 0n || nanos < 0 || nanos > 999_999_999 || nanos % 1_000 !== 0) {
    throw invalidField(`${field}.commit_time`, "whole microseconds since 1970");
  }
  const commitTimeUs = seconds * 1_000_000n + BigInt(nanos / 1_000);
  if (commitTimeUs >= 2n ** 63n) throw invalidField(`${field}.commit_time`, "too large");
  return {
    version: info.version,
    commitTimeUs,
    payloadHash: fixed(`${field}.payload_hash`, info.payloadHash, HASH_BYTES),
    writeSetHash: fixed(`${field}.write_set_hash`, info.writeSetHash, HASH_BYTES),
    eventRoot: fixed(`${field}.event_root`, info.eventRoot, HASH_BYTES),
    stateRoot: stateRoot === undefined ? null : fixed(`${field}.state_root`, stateRoot, HASH_BYTES),
  };
}

function parseTreeNode(node: types.TreeNode | undefined): TreeNode {
  const kind = node?.kind;
  switch (kind?.$case) {
    case "leaf": {
      const { keyHash, valueHash } = kind.value;
      return {
        kind: "leaf",
        keyHash: fixed("tiles.node.leaf.key_hash", keyHash, HASH_BYTES),
        valueHash: fixed("tiles.node.leaf.value_hash", valueHash, HASH_BYTES),
      };
    }
    case "inner":
      return { kind: "inner", hash: fixed("tiles.node.inner", kind.value, HASH_BYTES) };
    case "empty":
      return { kind: "empty" };
    default:
      throw invalidField("tiles.node", "missing");
  }
}

function fixed(field: string, bytes: Buffer, length: number): Buffer {
  if (bytes.length !== length) throw invalidField(field, `${length} bytes`);
  return bytes;
}

/** INVALID_REQUEST: a client stream is not one head and then its parts. */
export function outOfOrder(part: string): HoldfastError {
  return invalidField(part, "a stream is one head, then its parts");
}

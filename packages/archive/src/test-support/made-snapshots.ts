// Snapshots made up for tests. The archive looks at digests and never into bodies, so bodies are
// random bytes; heads carry a real root proof.
import {
  encodeTransactionInfo,
  LogFrontier,
  logLeafHash,
  sha256,
  type TransactionInfo,
  type TreeNode,
} from "@holdfast/merkle";
import type { SeededRandom } from "@holdfast/testing";
import type { Archive } from "../archive.js";
import type { BackupWriter } from "../backup-writer.js";
import type { NewSnapshotHead, SnapshotBase, SnapshotSummary } from "../snapshot-head.js";
import type { NewTile } from "../tile-line.js";

export interface MadeTile {
  readonly tile: NewTile;
  readonly body: Buffer | null;
}

export interface MadeSnapshot {
  readonly head: NewSnapshotHead;
  readonly tiles: readonly MadeTile[];
}

export const LEDGER: Buffer = Buffer.alloc(16, 0x1e);
const HISTORY: Buffer = Buffer.alloc(16, 0x42);

/** A full snapshot of `tiles` tiles. */
export function madeFull(
  random: SeededRandom,
  shape: { readonly version: bigint; readonly tiles: number; readonly bodyBytes?: number },
): MadeSnapshot {
  const tiles = paths(random, shape.tiles).map((path): MadeTile => {
    const body = random.bytes(random.int(shape.bodyBytes ?? 60));
    const counts = { items: 1 + random.int(9), bytes: body.length };
    const tile = {
      kind: "full",
      path,
      node: node(random, ["leaf", "inner"]),
      ...counts,
      chunk: sha256(body),
    } as const;
    return { tile, body };
  });
  return { head: head(random, shape.version, tiles), tiles };
}

/** A delta snapshot of `tiles` tiles, some of them unchanged. */
export function madeDelta(
  random: SeededRandom,
  shape: { readonly version: bigint; readonly tiles: number; readonly base: SnapshotBase },
): MadeSnapshot {
  const tiles = paths(random, shape.tiles).map((path): MadeTile => {
    const counts = { items: random.int(9), bytes: random.int(999) };
    if (random.chance(0.4)) {
      return { tile: { kind: "unchanged", path, node: node(random), ...counts }, body: null };
    }
    const body = random.bytes(random.int(60));
    const changes = 1 + random.int(9);
    const nodes = { from: node(random), to: node(random) };
    const tile = {
      kind: "changed",
      path,
      ...nodes,
      ...counts,
      changes,
      chunk: sha256(body),
    } as const;
    return { tile, body };
  });
  return {
    head: { ...head(random, shape.version, tiles), kind: "delta", base: shape.base },
    tiles,
  };
}

/** How a later delta names a snapshot. */
export function baseOf(summary: SnapshotSummary): SnapshotBase {
  return {
    name: summary.name,
    version: summary.head.version,
    stateRoot: summary.head.stateRoot,
  };
}

/** Adds the tiles behind the writer's last durable one. */
export async function addTiles(writer: BackupWriter, snapshot: MadeSnapshot): Promise<void> {
  const after = writer.lastPath;
  for (const { tile, body } of snapshot.tiles) {
    if (after === null || tile.path > after) await writer.add(tile, body);
  }
}

/** Takes a whole backup, going on with an interrupted one. */
export async function takeBackup(
  archive: Archive,
  snapshot: MadeSnapshot,
): Promise<SnapshotSummary> {
  await using writer = await archive.beginBackup(snapshot.head, { resume: true });
  await addTiles(writer, snapshot);
  return await writer.publish();
}

function head(random: SeededRandom, version: bigint, tiles: readonly MadeTile[]): NewSnapshotHead {
  const log = LogFrontier.empty();
  const siblings: Buffer[] = [];
  for (let bits = version; bits > 0n; bits >>= 1n) {
    if ((bits & 1n) === 1n) siblings.push(random.bytes(32));
  }
  const stateRoot = random.bytes(32);
  const info: TransactionInfo = {
    version,
    commitTimeUs: 1_700_000_000_000_000n + version,
    payloadHash: random.bytes(32),
    writeSetHash: random.bytes(32),
    eventRoot: random.bytes(32),
    stateRoot,
  };
  const frontier = version === 0n ? log : LogFrontier.of(version, siblings.toReversed());
  frontier.append(logLeafHash(encodeTransactionInfo(info)));
  return {
    kind: "full",
    ledgerId: LEDGER,
    histories: [{ historyId: random.bytes(16), forkVersion: version / 2n }, { historyId: HISTORY }],
    version,
    stateRoot,
    logRoot: frontier.root(),
    rootProof: { info, logSiblings: siblings },
    items: BigInt(tiles.reduce((sum, { tile }) => sum + tile.items, 0)),
    bytes: BigInt(tiles.reduce((sum, { tile }) => sum + tile.bytes, 0)),
    proved: random.chance(0.5),
  };
}

/** Ascending paths, none under another. */
function paths(random: SeededRandom, count: number): string[] {
  const found = new Set<string>();
  for (let attempt = 0; found.size < count && attempt < 100 * count + 100; attempt++) {
    const path = random
      .bytes(4)
      .toString("hex")
      .slice(0, 1 + random.int(5));
    const clash = [...found].some((other) => other.startsWith(path) || path.startsWith(other));
    if (!clash) found.add(path);
  }
  return [...found].sort();
}

function node(
  random: SeededRandom,
  kinds: readonly TreeNode["kind"][] = ["empty", "leaf", "inner"],
): TreeNode {
  const kind = random.pick(kinds);
  switch (kind) {
    case "empty":
      return { kind };
    case "leaf":
      return { kind, keyHash: random.bytes(32), valueHash: random.bytes(32) };
    case "inner":
      return { kind, hash: random.bytes(32) };
  }
}

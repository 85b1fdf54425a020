import type { backup } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import type { TreeNode } from "@holdfast/merkle";
import type { CallContext } from "@holdfast/rpc";
import type { LiveGeneration } from "../engine/live-generation.js";
import type { ScanPool } from "../engine/scan-pool.js";
import type { Tile } from "../state/tiling.js";
import { readState } from "./expected-state.js";
import { pageTokenInvalid } from "./page-token.js";
import { readUse } from "./read-live.js";
import { treeNodeMessage } from "./state-messages.js";
import { decodeTilePageToken, encodeTilePageToken } from "./tile-page-token.js";

/** Most tiles in a page, and how many when nothing is said. */
const PAGE_TILES_MAX = 1_000;
const NOTHING: Buffer = Buffer.alloc(0);

/** ListStateTiles: a page of the tiles of a state. */
export async function listStateTiles(
  { live, scans }: { readonly live: LiveGeneration; readonly scans: ScanPool },
  request: backup.ListStateTilesRequest,
  { signal }: CallContext,
): Promise<backup.ListStateTilesResponse> {
  const { pageSize, pageToken, version: asked } = request;
  if (pageSize < 0) throw invalidField("page_size", "it is negative");
  const token = pageToken === "" ? null : decodeTilePageToken(pageToken);
  if (token !== null && asked !== undefined && asked !== token.version) throw pageTokenInvalid();
  const use = live.use();
  try {
    const { meta, checkpoint } = readUse(use, (reader) =>
      readState(reader, {
        version: token?.version ?? asked,
        expectedHistoryId: token?.historyId ?? NOTHING,
        expectedRoot: token?.stateRoot ?? NOTHING,
      }),
    );
    const { version, stateRoot } = checkpoint;
    const { tiles, isLast } = await scans.run(
      {
        kind: "list",
        generation: use.path,
        version,
        after: token?.after ?? "",
        limit: Math.min(pageSize || PAGE_TILES_MAX, PAGE_TILES_MAX),
      },
      signal,
    );
    const after = tiles.at(-1)?.path ?? "";
    const historyId = meta.histories[0]?.historyId ?? NOTHING;
    return {
      tiles: tiles.map(tileMessage),
      nextPageToken: isLast ? "" : encodeTilePageToken({ historyId, version, stateRoot, after }),
      version,
      stateRoot,
    };
  } finally {
    use.release();
  }
}

function tileMessage({ path, node, items, bytes }: Tile): backup.Tile {
  return {
    path,
    node: treeNodeMessage(withBuffers(node)),
    items: BigInt(items),
    bytes: BigInt(bytes),
  };
}

/** Buffers arrive from another thread as plain byte arrays. */
function withBuffers(node: TreeNode): TreeNode {
  switch (node.kind) {
    case "empty":
      return node;
    case "leaf":
      return {
        kind: "leaf",
        keyHash: Buffer.from(node.keyHash),
        valueHash: Buffer.from(node.valueHash),
      };
    case "inner":
      return { kind: "inner", hash: Buffer.from(node.hash) };
  }
}

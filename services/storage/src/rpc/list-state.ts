import type { storage, types } from "@holdfast/api";
import { HoldfastError, invalidField } from "@holdfast/core";
import type { CallContext } from "@holdfast/rpc";
import type { LiveGeneration } from "../engine/live-generation.js";
import type { StoreReader } from "../state/state-reader.js";
import { storedItem } from "../state/stored-item.js";
import { checkpointAt, stateVersion } from "../state/versions.js";
import {
  decodePageToken,
  encodePageToken,
  type PageToken,
  pageTokenInvalid,
} from "./page-token.js";
import { readUse } from "./read-live.js";

const PAGE_ITEMS_DEFAULT = 1_000;
const PAGE_ITEMS_MAX = 10_000;
/** A page ends when its items have this many bytes. */
const PAGE_BYTES_MAX: number = 2 ** 20;
/** Rows looked at before others get their turn on the main loop: under a millisecond. */
const SLICE_ROWS = 256;

/** ListState: a page of the state in order of key hash. */
export async function listState(
  live: LiveGeneration,
  request: storage.ListStateRequest,
  { signal }: CallContext,
): Promise<storage.ListStateResponse> {
  if (request.pageSize < 0) throw invalidField("page_size", "it is negative");
  const itemsMax = Math.min(request.pageSize || PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX);
  const token = request.pageToken === "" ? null : decodePageToken(request.pageToken);
  const use = live.use();
  try {
    const page = readUse(use, (reader) => pageOf(reader, request.version ?? null, token));
    const items: types.StateItem[] = [];
    let bytes = 0;
    let after: Buffer | null = token?.after ?? null;
    do {
      signal.throwIfAborted();
      after = readUse(use, (reader) => {
        // The oldest state may have been raised between two slices.
        stateVersion(reader.meta(), page.version);
        return reader.itemsBehind(after, page.version, SLICE_ROWS, (_, row) => {
          items.push(storedItem(row));
          bytes += row.length;
          return items.length < itemsMax && bytes < PAGE_BYTES_MAX;
        });
      });
      if (after !== null) await new Promise((resolve) => setImmediate(resolve));
    } while (after !== null && items.length < itemsMax && bytes < PAGE_BYTES_MAX);
    const nextPageToken = after === null ? "" : encodePageToken({ ...page, after });
    return { items, nextPageToken, version: page.version, stateRoot: page.stateRoot };
  } finally {
    use.release();
  }
}

/** Which state to list. */
function pageOf(
  reader: StoreReader,
  asked: bigint | null,
  token: PageToken | null,
): Omit<PageToken, "after"> {
  const meta = reader.meta();
  const historyId = meta.histories[0]?.historyId ?? Buffer.alloc(0);
  if (token !== null && asked !== null && asked !== token.version) throw pageTokenInvalid();
  if (token !== null && !token.historyId.equals(historyId)) throw historyForked();
  const version = stateVersion(meta, token?.version ?? asked);
  const { stateRoot } = checkpointAt(reader, version);
  if (token !== null && !token.stateRoot.equals(stateRoot)) throw historyForked();
  return { historyId, version, stateRoot };
}

function historyForked(): HoldfastError {
  return new HoldfastError(
    "HISTORY_FORKED",
    "The page token is of another history: a restore was published meanwhile. List again from " +
      "the first page.",
  );
}

import type { lease as wire } from "@holdfast/api";
import type { Lessor } from "../lease/lessor.js";
import { leaseMessage } from "./lease-messages.js";
import { pageSize } from "./page-size.js";
import { pageTokenInvalid } from "./page-token.js";

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const TOKEN_BYTES = 8;

/** ListLeases: the active ones; a page token is the fencing token of the last lease given. */
export function listLeases(
  lessor: Lessor,
  request: wire.ListLeasesRequest,
): wire.ListLeasesResponse {
  const size = pageSize(request.pageSize, PAGE_DEFAULT, PAGE_MAX);
  const after = request.pageToken === "" ? 0n : parseToken(request.pageToken);
  const found = lessor.list(after, size + 1);
  const page = found.slice(0, size);
  const last = page.at(-1);
  const hasMore = found.length > size && last !== undefined;
  return { leases: page.map(leaseMessage), nextPageToken: hasMore ? tokenOf(last.token) : "" };
}

function tokenOf(fencingToken: bigint): string {
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes.writeBigUInt64BE(fencingToken);
  return bytes.toString("base64url");
}

function parseToken(text: string): bigint {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== TOKEN_BYTES || bytes.toString("base64url") !== text) {
    throw pageTokenInvalid();
  }
  return bytes.readBigUInt64BE();
}

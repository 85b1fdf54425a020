import type { SnapshotFoot } from "./snapshot-head.js";

const FOOT =
  /^\{"tiles":(0|[1-9][0-9]{0,14}),"chunks":(0|[1-9][0-9]{0,14}),"stored_bytes":(0|[1-9][0-9]{0,15}),"sha256":"([0-9a-f]{64})"\}$/;

/** The foot up to its digest; the digest covers it too. */
export function encodeFootStart(foot: Omit<SnapshotFoot, "sha256">): string {
  const { tiles, chunks, storedBytes } = foot;
  return `{"tiles":${tiles},"chunks":${chunks},"stored_bytes":${storedBytes},"sha256":"`;
}

/** The foot of a line without its line feed; null unless it is what the writer would write. */
export function decodeFoot(text: string): SnapshotFoot | null {
  const match = FOOT.exec(text);
  if (match === null) return null;
  const [, tiles, chunks, storedBytes = "", sha256 = ""] = match;
  return {
    tiles: Number(tiles),
    chunks: Number(chunks),
    storedBytes: BigInt(storedBytes),
    sha256: Buffer.from(sha256, "hex"),
  };
}

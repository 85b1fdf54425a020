import { decodeNode, encodeNode, NODE_PATTERN } from "./node-text.js";
import type { NewTile, TileLine } from "./tile-line.js";

// A line is canonical JSON: no space, keys in one order, no number written in two ways. So one
// expression for each kind accepts exactly what the writer writes, and nothing else needs checking.
const PATH = '"path":"([0-9a-f]{1,64})"';
const NUMBER = "(0|[1-9][0-9]{0,14})";
const CHUNK = '"chunk":"([0-9a-f]{64})"';
const PLACE = `"pack":"([0-9a-f]{64})","offset":${NUMBER},"length":${NUMBER}`;
const COUNTS = `"items":${NUMBER},"bytes":${NUMBER}`;
const FULL = new RegExp(`^\\{${PATH},"node":(${NODE_PATTERN}),${COUNTS},${CHUNK},${PLACE}\\}$`);
const UNCHANGED = new RegExp(`^\\{${PATH},"node":(${NODE_PATTERN}),${COUNTS}\\}$`);
const CHANGED = new RegExp(
  `^\\{${PATH},"from":(${NODE_PATTERN}),"to":(${NODE_PATTERN}),${COUNTS},"changes":${NUMBER},` +
    `${CHUNK},${PLACE}\\}$`,
);

/** The line of a tile without its place; `placeLine` completes it. */
export function encodeUnplaced(tile: NewTile): string {
  const counts = `"items":${tile.items},"bytes":${tile.bytes}`;
  const start = `{"path":"${tile.path}",`;
  switch (tile.kind) {
    case "full":
      return `${start}"node":${encodeNode(tile.node)},${counts},${chunkField(tile.chunk)}`;
    case "changed":
      return (
        `${start}"from":${encodeNode(tile.from)},"to":${encodeNode(tile.to)},${counts},` +
        `"changes":${tile.changes},${chunkField(tile.chunk)}`
      );
    case "unchanged":
      return `${start}"node":${encodeNode(tile.node)},${counts}}`;
  }
}

/** The end of a line with a body. */
export function encodePlace(pack: string, offset: number, length: number): string {
  return `,"pack":"${pack}","offset":${offset},"length":${length}}`;
}

/** The tile of a line; null unless it is exactly what the writer would write. */
export function decodeTileLine(text: string): TileLine | null {
  const full = FULL.exec(text);
  if (full !== null) {
    const [, path = "", node = "", items, bytes, chunk = "", pack = "", offset, length] = full;
    return {
      kind: "full",
      path,
      node: decodeNode(node),
      items: Number(items),
      bytes: Number(bytes),
      chunk: Buffer.from(chunk, "hex"),
      pack,
      offset: Number(offset),
      length: Number(length),
    };
  }
  const unchanged = UNCHANGED.exec(text);
  if (unchanged !== null) {
    const [, path = "", node = "", items, bytes] = unchanged;
    const counts = { items: Number(items), bytes: Number(bytes) };
    return { kind: "unchanged", path, node: decodeNode(node), ...counts };
  }
  return decodeChanged(text);
}

function decodeChanged(text: string): TileLine | null {
  const match = CHANGED.exec(text);
  if (match === null) return null;
  const [, path = "", from = "", to = "", items, bytes, changes, chunk = "", pack = ""] = match;
  return {
    kind: "changed",
    path,
    from: decodeNode(from),
    to: decodeNode(to),
    items: Number(items),
    bytes: Number(bytes),
    changes: Number(changes),
    chunk: Buffer.from(chunk, "hex"),
    pack,
    offset: Number(match[9]),
    length: Number(match[10]),
  };
}

function chunkField(chunk: Buffer): string {
  return `"chunk":"${chunk.toString("hex")}"`;
}

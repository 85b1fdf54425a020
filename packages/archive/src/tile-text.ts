import type { LineBytes } from "./line-bytes.js";
import { decodeNode, NODE_PATTERN, writeNode } from "./node-text.js";
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

/** Hex digits of a pack id. */
export const PACK_DIGITS = 64;

/** Appends the line of a tile, with its line feed; where the id of its pack belongs is a gap. */
export function writeTileLine(
  lines: LineBytes,
  tile: NewTile,
  offset: number,
  length: number,
): void {
  lines.begin();
  // Piece by piece: strings that are put together first cost twice as much.
  lines.text('{"path":"');
  lines.text(tile.path);
  if (tile.kind === "changed") {
    lines.text('","from":');
    writeNode(lines, tile.from);
    lines.text(',"to":');
    writeNode(lines, tile.to);
  } else {
    lines.text('","node":');
    writeNode(lines, tile.node);
  }
  lines.text(',"items":');
  lines.number(tile.items);
  lines.text(',"bytes":');
  lines.number(tile.bytes);
  if (tile.kind === "unchanged") {
    lines.text("}\n");
    return;
  }
  if (tile.kind === "changed") {
    lines.text(',"changes":');
    lines.number(tile.changes);
  }
  lines.text(',"chunk":"');
  lines.hex(tile.chunk);
  lines.text('","pack":"');
  lines.gap(PACK_DIGITS);
  lines.text('","offset":');
  lines.number(offset);
  lines.text(',"length":');
  lines.number(length);
  lines.text("}\n");
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

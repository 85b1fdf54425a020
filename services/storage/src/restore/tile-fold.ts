import {
  bitAt,
  commonBits,
  EMPTY_HASH,
  type FoldedChunk,
  foldChunk,
  innerHash,
  leafHash,
  type OnItem,
} from "@holdfast/merkle";

// INTERIM until foldChunk reports its inner nodes.
export function foldTile(
  path: string,
  body: Buffer,
  onItem: OnItem,
  onInner: (depth: number, lastItem: number, hash: Buffer) => void,
): FoldedChunk {
  const leaves: { key: Buffer; value: Buffer }[] = [];
  const folded = foldChunk(path, body, (key, value, start, end) => {
    leaves.push({ key, value });
    onItem(key, value, start, end);
  });
  const fold = (depth: number, from: number, to: number): Buffer => {
    const first = leaves[from];
    const last = leaves[to - 1];
    if (first === undefined || last === undefined || from === to) return EMPTY_HASH;
    if (to - from === 1) return leafHash(first.key, first.value);
    let mid = from;
    if (commonBits(first.key, last.key) > depth) mid = bitAt(first.key, depth) === 0 ? to : from;
    else while (bitAt(leaves[mid]?.key ?? first.key, depth) === 0) mid++;
    const hash = innerHash(fold(depth + 1, from, mid), fold(depth + 1, mid, to));
    onInner(depth, to - 1, hash);
    return hash;
  };
  fold(4 * path.length, 0, leaves.length);
  return folded;
}

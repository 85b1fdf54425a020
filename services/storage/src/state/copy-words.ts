/**
 * Copies some tens of bytes, four at a time: 64 take about 15 ns, and 60 to 100 ns with
 * `Buffer.copy` or `set`.
 * @param words number of four bytes.
 */
export function copyWords(
  source: DataView,
  from: number,
  target: DataView,
  at: number,
  words: number,
): void {
  for (let i = 0; i < 4 * words; i += 4) {
    target.setUint32(at + i, source.getUint32(from + i));
  }
}

let lastView: DataView = new DataView(new ArrayBuffer(0));
let viewBefore: DataView = lastView;

/**
 * The whole memory that `bytes` is a part of (from `byteOffset` on). Buffers that are made in a row
 * share theirs, so the last two are kept.
 */
export function memoryOf({ buffer }: Uint8Array): DataView {
  if (lastView.buffer === buffer) return lastView;
  const view = viewBefore.buffer === buffer ? viewBefore : new DataView(buffer);
  viewBefore = lastView;
  lastView = view;
  return view;
}

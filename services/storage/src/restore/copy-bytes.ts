/** Copies some tens of bytes: 32 take 22 ns in a loop, and 58 ns with `Buffer.copy` or `set`. */
export function copyBytes(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  at: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) target[at + i] = source[from + i] as number;
}

/** A number of things for people: `1 tile`, `2 tiles`. */
export function counted(count: number | bigint, noun: string): string {
  return `${count} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}

/** Numbered things for people: `line 1`, `lines 1 to 3`. */
export function ranged<N extends number | bigint>(noun: string, first: N, last: N): string {
  return first === last ? `${noun} ${first}` : `${noun}s ${first} to ${last}`;
}

// As much of a WebAssembly assembler as sha256-lanes.ts needs: a piece of code is the array of its
// bytes, and an operator joins the pieces of its operands (webassembly.github.io/spec/core/binary).

/** Bytes of one or more instructions. */
export type Code = readonly number[];

/** Value types. */
export const I32 = 0x7f;
export const V128 = 0x7b;

/** A function: its parameters are all i32, it returns nothing. */
export interface WasmFunction {
  readonly parameters: number;
  /** Types of its locals, numbered behind the parameters. */
  readonly locals: readonly number[];
  readonly body: Code;
  /** Name it is exported by. */
  readonly exportName?: string;
}

/** Operators, each from the code of its operands. */
export const wasm = {
  get: (local: number): Code => joined([0x20], unsigned(local)),
  set: (local: number, value: Code): Code => joined(value, [0x21], unsigned(local)),
  call: (callee: number, ...operands: readonly Code[]): Code =>
    joined(...operands, [0x10], unsigned(callee)),
  /** Runs the body until `again` leaves 0. */
  loopWhile: (body: Code, again: Code): Code =>
    joined([0x03, 0x40], body, again, [0x0d, 0x00, 0x0b]),
  /** `yes` when the condition is not 0, else `no`; both are computed. */
  select: (yes: Code, no: Code, condition: Code): Code => joined(yes, no, condition, [0x1b]),

  i32: (value: number): Code => joined([0x41], signed(value)),
  load: (address: Code, offset = 0): Code => joined(address, [0x28, 0x02], unsigned(offset)),
  store: (address: Code, value: Code, offset = 0): Code =>
    joined(address, value, [0x36, 0x02], unsigned(offset)),
  add: (a: Code, b: Code): Code => joined(a, b, [0x6a]),
  sub: (a: Code, b: Code): Code => joined(a, b, [0x6b]),
  and: (a: Code, b: Code): Code => joined(a, b, [0x71]),
  shl: (a: Code, bits: number): Code => joined(a, [0x41], signed(bits), [0x74]),
  shrU: (a: Code, bits: number): Code => joined(a, [0x41], signed(bits), [0x76]),
  ltU: (a: Code, b: Code): Code => joined(a, b, [0x49]),
} as const;

/** Operators on four 32-bit lanes. */
export const lanes = {
  load: (address: Code, offset = 0): Code => joined(address, [0xfd, 0x00, 0x00], unsigned(offset)),
  store: (address: Code, value: Code, offset = 0): Code =>
    joined(address, value, [0xfd, 0x0b, 0x00], unsigned(offset)),
  constant: (bytes: readonly number[]): Code => joined([0xfd, 0x0c], bytes),
  /** All four lanes from one i32. */
  splat: (value: Code): Code => joined(value, [0xfd, 0x11]),
  /** Bytes of `a` (0..15) and `b` (16..31), chosen by `bytes`. */
  shuffle: (a: Code, b: Code, bytes: readonly number[]): Code => joined(a, b, [0xfd, 0x0d], bytes),
  and: (a: Code, b: Code): Code => joined(a, b, [0xfd, 0x4e]),
  or: (a: Code, b: Code): Code => joined(a, b, [0xfd, 0x50]),
  xor: (a: Code, b: Code): Code => joined(a, b, [0xfd, 0x51]),
  add: (a: Code, b: Code): Code => joined(a, b, [0xfd, 0xae, 0x01]),
  shl: (a: Code, bits: number): Code => joined(a, [0x41], signed(bits), [0xfd, 0xab, 0x01]),
  shrU: (a: Code, bits: number): Code => joined(a, [0x41], signed(bits), [0xfd, 0xad, 0x01]),
} as const;

/** A module of these functions with one memory of at least `pages` x 64 KiB, exported "memory". */
export function wasmModule(
  functions: readonly WasmFunction[],
  pages: number,
): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) =>
    joined([0x60], vector(Array.from({ length: parameters }, () => [I32])), vector([])),
  );
  const exported = functions.flatMap(({ exportName }, i) =>
    exportName === undefined ? [] : [joined(name(exportName), [0x00], unsigned(i))],
  );
  const bodies = functions.map(({ locals, body }) => {
    const code = joined(vector(locals.map((type) => [1, type])), body, [0x0b]);
    return joined(unsigned(code.length), code);
  });
  return Uint8Array.from(
    joined(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, vector(types)),
      section(3, vector(functions.map((_, i) => unsigned(i)))),
      section(5, vector([joined([0x00], unsigned(pages))])),
      section(7, vector([...exported, joined(name("memory"), [0x02, 0x00])])),
      section(10, vector(bodies)),
    ),
  );
}

/**
 * The pieces one behind the other. A start writes this module before anything is compiled, and
 * `[...a, ...b]` then takes each byte alone: ten times as long for pieces of thousands.
 */
function joined(...pieces: readonly Code[]): Code {
  return ([] as number[]).concat(...pieces);
}

function section(id: number, content: Code): Code {
  return joined([id], unsigned(content.length), content);
}

function vector(entries: readonly Code[]): Code {
  return joined(unsigned(entries.length), ...entries);
}

function name(text: string): Code {
  return vector([...Buffer.from(text)].map((byte) => [byte]));
}

/** LEB128 of an unsigned integer below 2^31. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a signed 32-bit integer. */
function signed(value: number): Code {
  const isLast = value >= -64 && value < 64;
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

// The code of the module behind sha256-lanes.ts: SHA-256 (FIPS 180-4) of four messages at once, one
// in each 32-bit lane. It is written here as code that writes code; there is no binary to trust.
import {
  type Code,
  I32,
  lanes,
  V128,
  type WasmFunction,
  wasm,
  wasmModule,
} from "./wasm-assembler.js";

/** Bytes of a job. */
export const JOB_BYTES = 12;
/** Messages hashed at the same time. */
export const LANES = 4;
/** Bytes of a block of SHA-256. */
export const BLOCK_BYTES = 64;
/** Bytes of a register. */
export const REGISTER_BYTES = 16;
/** Rounds for each block, and round constants. */
export const ROUNDS = 64;
/** Words of the state. */
export const STATE_WORDS = 8;
/** Words of a block. */
const WORDS = 16;
/** Bytes of a hash. */
const HASH_BYTES: number = 4 * STATE_WORDS;

// The module's own memory.
/** 64 round constants, each in all four lanes. */
export const K_AT = 0;
/** 64 bytes ff, 64 bytes 00: read from 64 - n on, it keeps the first n bytes of a block. */
export const KEEP_AT = 1024;
/** 64 bytes 00, one byte 80, 63 bytes 00: read from 64 - n on, it marks byte n of a block. */
export const MARK_AT = 1152;
/** The last one or two blocks of each lane's message, padded. */
const TAIL_AT = 1280;
const TAIL_BYTES: number = 2 * BLOCK_BYTES;
/** The eight words of the state, each a register of four lanes. */
const STATE_AT = 1792;
/** The eight initial words, likewise. */
export const INITIAL_AT = 1920;
/** Two blocks for each lane and kind of pair: prefix, room for two hashes, padding. */
const PAIRS_AT = 2048;
export const PAIR_BYTES = 128;
const PAIR_KINDS_MAX = 2;
/** From here on memory is the caller's. */
export const MODULE_END: number = PAIRS_AT + PAIR_KINDS_MAX * LANES * PAIR_BYTES;

/** Where the blocks of a kind of pair lie, first those of lane 0. */
export function pairAt(kind: number): number {
  return PAIRS_AT + kind * LANES * PAIR_BYTES;
}

/** Written when first needed: the same for every size of memory. */
let functions: readonly WasmFunction[] | null = null;

/** The bytes of the module, with a memory of `pages` x 64 KiB. Its tables are still to be filled. */
export function sha256Module(pages: number): Uint8Array<ArrayBuffer> {
  functions ??= [padTail(), compress(), hashGroups(), hashPairs()];
  return wasmModule(functions, pages);
}

const { get, set, i32 } = wasm;
const ZERO: Code = lanes.constant(Array<number>(REGISTER_BYTES).fill(0));
const PAD_TAIL = 0;
const COMPRESS = 1;

/** padTail(message, length, to): the blocks behind the last full one, with padding and length. */
function padTail(): WasmFunction {
  const [message, length, to, rest, bits] = [0, 1, 2, 3, 4];
  const full = wasm.and(get(length), i32(-BLOCK_BYTES));
  const body: number[] = [...set(rest, wasm.and(get(length), i32(BLOCK_BYTES - 1)))];
  body.push(...set(message, wasm.add(get(message), full)));
  // The length in bits ends the block if it fits behind the mark, else the next one. It is joined
  // in a register: a block read right after a part of it was stored would wait for the store.
  const lengthBits = lanes.splat(wasm.shl(get(length), 3));
  const last = lanes.constant([...Array<number>(12).fill(0), ...Array<number>(4).fill(0xff)]);
  body.push(...set(bits, lanes.and(swapBytes(lengthBits), last)));
  const fits = wasm.ltU(get(rest), i32(BLOCK_BYTES - 8));
  for (let at = 0; at < BLOCK_BYTES; at += REGISTER_BYTES) {
    const window = (table: number): Code =>
      lanes.load(wasm.sub(i32(table + BLOCK_BYTES), get(rest)), at);
    const kept = lanes.and(lanes.load(get(message), at), window(KEEP_AT));
    const marked = lanes.or(kept, window(MARK_AT));
    const isLast = at === BLOCK_BYTES - REGISTER_BYTES;
    const first = isLast ? lanes.or(marked, wasm.select(get(bits), ZERO, fits)) : marked;
    body.push(...lanes.store(get(to), first, at));
    body.push(...lanes.store(get(to), isLast ? get(bits) : ZERO, BLOCK_BYTES + at));
  }
  return { parameters: 3, locals: [I32, V128], body };
}

/** compress(a, b, c, d): takes one block of each lane's message into the state. */
function compress(): WasmFunction {
  const parameters = LANES;
  const word = (i: number): number => parameters + (i % WORDS);
  const variable = (i: number): number => parameters + WORDS + (i % STATE_WORDS);
  const scratch = Array.from({ length: 4 }, (_, i) => parameters + WORDS + STATE_WORDS + i);
  const [t1 = 0, aXorB = 0, bXorC = 0] = scratch;
  const state = (i: number): Code => lanes.load(i32(0), STATE_AT + REGISTER_BYTES * i);
  const body: number[] = [];

  for (let i = 0; i < WORDS; i += LANES) {
    const rows = Array.from({ length: LANES }, (_, lane) =>
      swapBytes(lanes.load(get(lane), 4 * i)),
    );
    const to = Array.from({ length: LANES }, (_, k) => word(i + k));
    body.push(...transpose(rows, to, scratch));
  }
  for (let i = 0; i < STATE_WORDS; i++) body.push(...set(variable(i), state(i)));
  body.push(...set(bXorC, lanes.xor(get(variable(1)), get(variable(2)))));

  for (let round = 0; round < ROUNDS; round++) {
    // Instead of moving a to b, b to c and so on, the next round takes the next names.
    const [a, b, , d, e, f, g, h] = Array.from({ length: STATE_WORDS }, (_, i) =>
      get(variable(i + ROUNDS - round)),
    ) as [Code, Code, Code, Code, Code, Code, Code, Code];
    const hLocal = variable(7 + ROUNDS - round);
    const dLocal = variable(3 + ROUNDS - round);
    if (round >= WORDS) body.push(...set(word(round), scheduled(word, round)));
    const constant = lanes.load(i32(0), K_AT + REGISTER_BYTES * round);
    const choice = lanes.xor(g, lanes.and(e, lanes.xor(f, g)));
    const sum = [h, lanes.add(get(word(round)), constant), bigSigma(e, [6, 11, 25]), choice];
    body.push(...set(t1, sum.reduce(lanes.add)));
    body.push(...set(dLocal, lanes.add(d, get(t1))));
    // Majority, with a ^ b kept for the next round, where it is b ^ c.
    body.push(...set(aXorB, lanes.xor(a, b)));
    const majority = lanes.xor(b, lanes.and(get(aXorB), get(bXorC)));
    const t2 = lanes.add(bigSigma(a, [2, 13, 22]), majority);
    body.push(...set(hLocal, lanes.add(get(t1), t2)));
    body.push(...set(bXorC, get(aXorB)));
  }
  for (let i = 0; i < STATE_WORDS; i++) {
    const sum = lanes.add(get(variable(i)), state(i));
    body.push(...lanes.store(i32(0), sum, STATE_AT + REGISTER_BYTES * i));
  }
  const registers = WORDS + STATE_WORDS + scratch.length;
  return { parameters, locals: Array<number>(registers).fill(V128), body };
}

/** Word `round` of the message schedule from the sixteen before it. */
function scheduled(word: (i: number) => number, round: number): Code {
  const s0 = smallSigma(get(word(round - 15)), [7, 18], 3);
  const s1 = smallSigma(get(word(round - 2)), [17, 19], 10);
  return lanes.add(lanes.add(get(word(round - 16)), s0), lanes.add(get(word(round - 7)), s1));
}

function bigSigma(x: Code, [p, q, r]: readonly [number, number, number]): Code {
  return lanes.xor(lanes.xor(rotated(x, p), rotated(x, q)), rotated(x, r));
}

function smallSigma(x: Code, [p, q]: readonly [number, number], shift: number): Code {
  return lanes.xor(lanes.xor(rotated(x, p), rotated(x, q)), lanes.shrU(x, shift));
}

/** `x` (cheap to repeat) rotated right. */
function rotated(x: Code, bits: number): Code {
  return lanes.or(lanes.shrU(x, bits), lanes.shl(x, 32 - bits));
}

/** Between little-endian lanes and the big-endian words of SHA-256. */
function swapBytes(x: Code): Code {
  return lanes.shuffle(x, x, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);
}

/** Sets `to` to the columns of the 4 x 4 words in `rows`. */
function transpose(rows: readonly Code[], to: readonly number[], scratch: readonly number[]): Code {
  const [r0, r1, r2, r3] = rows as [Code, Code, Code, Code];
  const [s0, s1, s2, s3] = scratch as [number, number, number, number];
  const [c0, c1, c2, c3] = to as [number, number, number, number];
  const pick = (a: number, b: number, words: readonly number[]): Code =>
    lanes.shuffle(
      get(a),
      get(b),
      words.flatMap((w) => [4 * w, 4 * w + 1, 4 * w + 2, 4 * w + 3]),
    );
  const [low, high] = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ]; // Interleaved halves of two registers.
  return [
    ...set(c0, r0),
    ...set(c1, r1),
    ...set(c2, r2),
    ...set(c3, r3),
    ...set(s0, pick(c0, c2, low)),
    ...set(s1, pick(c0, c2, high)),
    ...set(s2, pick(c1, c3, low)),
    ...set(s3, pick(c1, c3, high)),
    ...set(c0, pick(s0, s2, low)),
    ...set(c1, pick(s0, s2, high)),
    ...set(c2, pick(s1, s3, low)),
    ...set(c3, pick(s1, s3, high)),
  ];
}

/** A field of a lane's job. */
function jobField(jobs: number, lane: number, field: number): Code {
  return wasm.load(get(jobs), JOB_BYTES * lane + 4 * field);
}

function eachLane(piece: (lane: number) => Code): Code {
  return [0, 1, 2, 3].flatMap(piece);
}

/** Sets the state to the initial one. */
function resetState(): Code {
  const words = Array.from({ length: STATE_WORDS }, (_, i) => REGISTER_BYTES * i);
  return words.flatMap((at) =>
    lanes.store(i32(0), lanes.load(i32(0), INITIAL_AT + at), STATE_AT + at),
  );
}

/** Writes each lane's hash where its job wants it; `digest` and `scratch` are four registers each. */
function writeHashes(jobs: number, digest: readonly number[], scratch: readonly number[]): Code {
  return [0, 4].flatMap((half) => [
    ...transpose(
      [0, 1, 2, 3].map((i) => lanes.load(i32(0), STATE_AT + REGISTER_BYTES * (half + i))),
      digest,
      scratch,
    ),
    ...eachLane((lane) =>
      lanes.store(jobField(jobs, lane, 2), swapBytes(get(digest[lane] ?? 0)), 4 * half),
    ),
  ]);
}

/** Steps to the next group; leaves how many there are still. */
function nextGroup(jobs: number, groups: number): Code {
  return [
    ...set(jobs, wasm.add(get(jobs), i32(LANES * JOB_BYTES))),
    ...set(groups, wasm.sub(get(groups), i32(1))),
  ];
}

/** hash(jobs, groups): see Sha256Lanes. */
function hashGroups(): WasmFunction {
  const [jobs, groups, block, blocks] = [0, 1, 2, 3];
  const message = (lane: number): number => 4 + lane;
  const fullBlocks = (lane: number): number => 8 + lane;
  const tail = (lane: number): number => TAIL_AT + TAIL_BYTES * lane;

  const prepare = eachLane((lane) => [
    ...set(message(lane), jobField(jobs, lane, 0)),
    ...set(fullBlocks(lane), wasm.shrU(jobField(jobs, lane, 1), 6)),
    ...wasm.call(PAD_TAIL, get(message(lane)), jobField(jobs, lane, 1), i32(tail(lane))),
  ]);
  const blockAt = (lane: number): Code => {
    const offset = wasm.shl(get(block), 6);
    const inTail = wasm.shl(wasm.sub(get(block), get(fullBlocks(lane))), 6);
    return wasm.select(
      wasm.add(get(message(lane)), offset),
      wasm.add(i32(tail(lane)), inTail),
      wasm.ltU(get(block), get(fullBlocks(lane))),
    );
  };
  const allBlocks = wasm.loopWhile(
    [
      ...wasm.call(COMPRESS, blockAt(0), blockAt(1), blockAt(2), blockAt(3)),
      ...set(block, wasm.add(get(block), i32(1))),
    ],
    wasm.ltU(get(block), get(blocks)),
  );
  const body = wasm.loopWhile(
    [
      ...prepare,
      ...resetState(),
      ...set(block, i32(0)),
      ...set(blocks, wasm.shrU(wasm.add(jobField(jobs, 0, 1), i32(BLOCK_BYTES + 8)), 6)),
      ...allBlocks,
      ...writeHashes(jobs, [12, 13, 14, 15], [16, 17, 18, 19]),
      ...nextGroup(jobs, groups),
    ],
    get(groups),
  );
  const locals = [...Array<number>(10).fill(I32), ...Array<number>(8).fill(V128)];
  return { parameters: 2, locals, body, exportName: "hash" };
}

/** hashPairs(jobs, groups, first): the first hash of lane 0 goes to `first`, among its blocks. */
function hashPairs(): WasmFunction {
  const [jobs, groups, first, blocks] = [0, 1, 2, 3];
  const half = HASH_BYTES / 2;
  const gather = eachLane((lane) =>
    [0, 1].flatMap((field) =>
      [0, half].flatMap((part) =>
        lanes.store(
          get(first),
          lanes.load(jobField(jobs, lane, field), part),
          PAIR_BYTES * lane + HASH_BYTES * field + part,
        ),
      ),
    ),
  );
  const compressBlock = (block: number): Code => {
    const at = (lane: number): Code =>
      wasm.add(get(blocks), i32(PAIR_BYTES * lane + BLOCK_BYTES * block));
    return wasm.call(COMPRESS, at(0), at(1), at(2), at(3));
  };
  const body = [
    ...set(blocks, wasm.and(get(first), i32(-PAIR_BYTES))),
    ...wasm.loopWhile(
      [
        ...gather,
        ...resetState(),
        ...compressBlock(0),
        ...compressBlock(1),
        ...writeHashes(jobs, [4, 5, 6, 7], [8, 9, 10, 11]),
        ...nextGroup(jobs, groups),
      ],
      get(groups),
    ),
  ];
  const locals = [I32, ...Array<number>(8).fill(V128)];
  return { parameters: 3, locals, body, exportName: "hashPairs" };
}

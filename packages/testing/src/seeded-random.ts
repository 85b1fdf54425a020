/** Random numbers that a seed repeats (xorshift128+ seeded by splitmix64). Print the seed. */
export class SeededRandom {
  readonly seed: number;
  #a: bigint;
  #b: bigint;

  constructor(seed: number) {
    this.seed = seed;
    const mixed = splitmix(BigInt(seed));
    this.#a = mixed;
    this.#b = splitmix(mixed) | 1n;
  }

  /** A seed from the environment variable `SEED`, or a new one; for the test to print. */
  static seedFromEnvironment(): number {
    const given = Number(process.env["SEED"]);
    return Number.isSafeInteger(given) && given > 0 ? given : Date.now() % 2 ** 31;
  }

  /** A whole number of 0..below-1. */
  int(below: number): number {
    return Number(this.#next() % BigInt(below));
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.int(2 ** 32) / 2 ** 32;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** That many random bytes. */
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    let at = 0;
    for (; at + 8 <= length; at += 8) bytes.writeBigUInt64LE(this.#next(), at);
    for (; at < length; at += 1) bytes[at] = this.int(256);
    return bytes;
  }

  /** One of these. */
  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    const index = this.int(choices.length);
    if (choices.length === 0) throw new RangeError("nothing to pick from");
    return choices[index] as T;
  }

  /** The same elements in another order; the argument is left as it is. */
  shuffle<T>(elements: readonly T[]): T[] {
    const result = [...elements];
    for (let i = result.length - 1; i > 0; i -= 1) {
      const j = this.int(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }

  #next(): bigint {
    let x = this.#a;
    const y = this.#b;
    this.#a = y;
    x ^= BigInt.asUintN(64, x << 23n);
    this.#b = x ^ y ^ (x >> 17n) ^ (y >> 26n);
    return BigInt.asUintN(64, this.#b + y);
  }
}

function splitmix(state: bigint): bigint {
  let z = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

import { badLine } from "./bad-line.js";

/** One line of an input, without its line feed. */
export interface InputLine {
  /** Counted from 1, as editors do. */
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * Longest line, bytes: the longest key and value with every byte of them escaped as six
 * characters.
 */
export const LINE_BYTES_MAX: number = 7 * 2 ** 20;

const LINE_FEED = 0x0a;

/**
 * Cuts an input into lines. What follows the last line feed is a line unless it is empty.
 * @throws INVALID_REQUEST for a line that is too long.
 */
export async function* inputLines(
  input: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<InputLine, void, undefined> {
  let number = 1;
  let parts: Buffer[] = [];
  let partBytes = 0;
  for await (const chunk of input) {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, at);
      if (end === -1) break;
      parts.push(chunk.subarray(at, end));
      if (partBytes + end - at > LINE_BYTES_MAX) throw tooLong(number);
      yield { number, bytes: joined(parts) };
      number += 1;
      parts = [];
      partBytes = 0;
      at = end + 1;
    }
    if (at === chunk.length) continue;
    parts.push(chunk.subarray(at));
    partBytes += chunk.length - at;
    if (partBytes > LINE_BYTES_MAX) throw tooLong(number);
  }
  if (parts.length > 0) yield { number, bytes: joined(parts) };
}

function tooLong(number: number): Error {
  return badLine(number, `it is longer than ${LINE_BYTES_MAX} bytes`);
}

function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

import { createReadStream } from "node:fs";
import { fileError } from "../file-error.js";

const READ_BYTES = 256 * 1024;

/**
 * Reads a file, or standard input for `-`. It ends when the signal aborts, also where a source
 * waits for ever, as a terminal does.
 * @throws FileError; the signal's reason.
 */
export async function* readInput(
  file: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const input: AsyncIterable<Buffer> =
    file === "-" ? process.stdin : createReadStream(file, { highWaterMark: READ_BYTES, signal });
  try {
    yield* abortable(input, signal);
  } catch (error) {
    throw fileError(file, error);
  }
}

async function* abortable(
  input: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const source = input[Symbol.asyncIterator]();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  aborted.catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([source.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

import { writeSync } from "node:fs";
import type { Failure } from "./failure.js";
import { type Plain, toJson } from "./plain.js";

/** Where a command's words go. */
export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** The process's own streams, written at once: nothing is lost when the process ends. */
export const processStreams: Streams = {
  stdout: (text) => writeAll(1, text),
  stderr: (text) => writeAll(2, text),
};

/** Prints results: for people, or with --json one object as the last line. */
export class Output {
  readonly #streams: Streams;
  readonly #json: boolean;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.#json = json;
  }

  /** One line of a result that has many, the same for people and scripts. */
  line(text: string): void {
    this.#streams.stdout(`${text}\n`);
  }

  /** One line of a result for people; with --json it is in the object. */
  item(text: string): void {
    if (!this.#json) this.line(text);
  }

  /** The result: an object for scripts, lines for people. */
  result(value: { readonly [key: string]: Plain }, lines: readonly string[]): void {
    if (this.#json) this.line(JSON.stringify(toJson(value)));
    else for (const line of lines) this.line(line);
  }

  /** Something worth knowing while the command goes on; for people. */
  notice(text: string): void {
    this.#streams.stderr(`holdfast: ${text}\n`);
  }

  /** Why the command failed; `details` join the error in the object. */
  failure(failure: Failure, details: { readonly [key: string]: Plain } = {}): void {
    if (this.#json) {
      const { retryAfterSeconds, ...error } = failure;
      const printed = { ...error, retry_after_seconds: retryAfterSeconds };
      this.line(JSON.stringify(toJson({ error: printed, ...details })));
    } else {
      this.#streams.stderr(`holdfast: ${failure.message}\n`);
    }
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A reader that left (`| head`) has all it wanted.
      if (code === "EPIPE") return;
      // A full pipe whose reader is slow.
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

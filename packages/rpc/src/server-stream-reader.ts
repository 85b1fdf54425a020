import assert from "node:assert/strict";

/** The receiving end of a server stream: grpc-js's `ClientReadableStream` is one. */
export interface MessageSource<T> {
  /** The next message, if it is there; `readable` says that it may be. */
  read(): T | null;
  cancel(): void;
  /** `end` and `close` come behind what was read, `error` before them. */
  on(event: "readable" | "end" | "close", listener: () => void): this;
  on(event: "error", listener: (error: unknown) => void): this;
}

/** What a reader needs besides the call. */
export interface ReaderParts<T> {
  /** Opens the call; called when the first message is asked for. */
  readonly open: () => MessageSource<T>;
  readonly signal: AbortSignal;
  /** What the reader throws for an error of the call. */
  readonly convert: (error: unknown) => unknown;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, void>): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };

/**
 * The messages of a server stream, one read when one is asked for; what arrived before an error
 * comes before it. It stands where a generator could: a suspended generator keeps the messages it
 * has passed on, two frames or 256 KiB for every paused stream of a gateway.
 */
export class ServerStreamReader<T> implements AsyncGenerator<T, void, undefined> {
  readonly #parts: ReaderParts<T>;
  readonly #cancel: () => void = () => this.#call?.cancel();
  #call: MessageSource<T> | null = null;
  #waiting: Waiting<T> | null = null;
  #failure: { readonly error: unknown } | null = null;
  /** The stream gives nothing any more. */
  #over = false;
  /** The reader was told of its end. */
  #done = false;

  constructor(parts: ReaderParts<T>) {
    this.#parts = parts;
  }

  next(): Promise<IteratorResult<T, void>> {
    assert.ok(this.#waiting === null, "one message is asked for at a time");
    if (this.#done) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      if (this.#call === null) {
        try {
          this.#begin();
        } catch (error) {
          this.#done = true;
          reject(error);
          return;
        }
      }
      this.#waiting = { resolve, reject };
      this.#serve();
    });
  }

  /** Cancels the call, if it has not ended. */
  return(): Promise<IteratorResult<T, void>> {
    this.#finish();
    this.#waiting?.resolve(DONE);
    this.#waiting = null;
    return Promise.resolve(DONE);
  }

  throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#finish();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish();
  }

  #begin(): void {
    const { open, signal } = this.#parts;
    signal.throwIfAborted();
    const call = open();
    this.#call = call;
    signal.addEventListener("abort", this.#cancel, { once: true });
    const end = (): void => {
      this.#over = true;
      this.#serve();
    };
    // This listener stays: without one a late error would end the process.
    call.on("error", (error: unknown) => {
      this.#failure ??= { error };
      if (signal.aborted) end();
    });
    call.on("end", end).on("close", end);
    call.on("readable", () => this.#serve());
  }

  /** Gives what is there to who waits. */
  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    const message = this.#call?.read();
    if (message !== null && message !== undefined) {
      this.#waiting = null;
      waiting.resolve({ done: false, value: message });
      return;
    }
    if (!this.#over) return;
    this.#waiting = null;
    this.#finish();
    if (this.#failure === null) waiting.resolve(DONE);
    else waiting.reject(this.#parts.convert(this.#failure.error));
  }

  #finish(): void {
    this.#done = true;
    this.#parts.signal.removeEventListener("abort", this.#cancel);
    this.#call?.cancel();
  }
}

import { HoldfastError, limits } from "@holdfast/core";

/** A client with one connection to storage. */
export interface Connection {
  /** Takes no new calls; those under way end by themselves. */
  close(): void;
}

interface Held<C> {
  readonly connection: C;
  calls: number;
  resets: number;
}

/**
 * A connection that is replaced before it wears out. HTTP/2 allows a peer a burst of 1,000
 * resets; a client that opens and cancels in a loop would make storage close the connection, and
 * every innocent stream on it would die. After 500 calls that were reset new ones go to a new
 * connection; the old one is closed when its last call has ended. With at most 480 calls open
 * beside the 500 (`--slots`), the burst is never reached.
 */
export class RetiringChannel<C extends Connection> {
  readonly #connect: () => C;
  readonly #open: Set<Held<C>> = new Set();
  #current: Held<C>;
  #retired = 0;
  #closed = false;

  /** @param connect makes a connection that nobody else uses. */
  constructor(connect: () => C) {
    this.#connect = connect;
    this.#current = this.#make();
  }

  /** Connections that are open: the current one, and retired ones that still have calls. */
  get open(): number {
    return this.#open.size;
  }

  /** Connections that were replaced, ever. */
  get retired(): number {
    return this.#retired;
  }

  /** Replaces the connection for new calls: storage came back, and this one may not know it. */
  renew(): void {
    if (this.#closed) return;
    const old = this.#current;
    this.#current = this.#make();
    this.#retired += 1;
    this.#closeIdle(old);
  }

  /**
   * Makes a call that gives one answer.
   * @param signal with which the call is taken back.
   * @throws what the call throws.
   */
  async call<T>(signal: AbortSignal, make: (connection: C) => Promise<T>): Promise<T> {
    const held = this.#begin();
    let isReset = false;
    try {
      return await make(held.connection);
    } catch (error) {
      isReset = resets(error, signal);
      throw error;
    } finally {
      this.#end(held, isReset);
    }
  }

  /** Makes a call that gives a stream, when its first message is asked for; like `call`. */
  async *stream<T>(
    signal: AbortSignal,
    open: (connection: C) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const held = this.#begin();
    // True unless the reader leaves early, which ends a generator behind its `yield`.
    let isReset = true;
    try {
      yield* open(held.connection);
      isReset = false;
    } catch (error) {
      isReset = resets(error, signal);
      throw error;
    } finally {
      this.#end(held, isReset);
    }
  }

  /** Takes no more calls; those under way end by themselves. */
  close(): void {
    this.#closed = true;
    for (const held of this.#open) held.connection.close();
    this.#open.clear();
  }

  #make(): Held<C> {
    const held = { connection: this.#connect(), calls: 0, resets: 0 };
    this.#open.add(held);
    return held;
  }

  #begin(): Held<C> {
    this.#current.calls += 1;
    return this.#current;
  }

  #end(held: Held<C>, isReset: boolean): void {
    held.calls -= 1;
    if (isReset) held.resets += 1;
    if (held === this.#current && held.resets >= limits.CHANNEL_CANCELS_MAX) this.renew();
    else this.#closeIdle(held);
  }

  #closeIdle(held: Held<C>): void {
    if (held === this.#current || held.calls > 0 || !this.#open.delete(held)) return;
    held.connection.close();
  }
}

/** Errors at which a client itself ends the call. (Storage may have sent one: that does no harm.) */
const RESETTING: ReadonlySet<string> = new Set(["DEADLINE_EXCEEDED", "MESSAGE_TOO_LARGE"]);

/** Whether a call that ended so was reset from this side. */
function resets(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted || (error instanceof HoldfastError && RESETTING.has(error.reason));
}

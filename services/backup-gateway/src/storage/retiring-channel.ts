import { limits } from "@holdfast/core";
import type { ClientCall, RawClient } from "@holdfast/rpc";

/** A connection to storage. */
export type Connection = Pick<RawClient, "unary" | "serverStreaming" | "clientStreaming" | "close">;

interface Held {
  readonly connection: Connection;
  calls: number;
  cancelled: number;
}

/**
 * A connection that is replaced before it wears out. HTTP/2 allows a peer a burst of 1,000
 * resets; a client that opens and cancels in a loop would make storage close the connection, and
 * every innocent stream on it would die. After 500 cancelled calls new ones go to a new
 * connection; the old one is closed when its last call has ended. With at most 256 calls open
 * beside the 500, the burst is never reached.
 */
export class RetiringChannel {
  readonly #connect: () => Connection;
  readonly #open: Set<Held> = new Set();
  #current: Held;
  #retired = 0;
  #closed = false;

  /** @param connect makes a connection that nobody else uses. */
  constructor(connect: () => Connection) {
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

  /** @throws like `RawClient.unary`. */
  unary(path: string, request: Buffer, call: ClientCall): Promise<Buffer> {
    return this.#hold(call.signal, (connection) => connection.unary(path, request, call));
  }

  /** @throws like `RawClient.clientStreaming`. */
  clientStreaming(
    path: string,
    requests: AsyncIterable<Buffer>,
    call: ClientCall,
  ): Promise<Buffer> {
    return this.#hold(call.signal, (connection) =>
      connection.clientStreaming(path, requests, call),
    );
  }

  /** Opens lazily, like `RawClient.serverStreaming`. */
  async *serverStreaming(
    path: string,
    request: Buffer,
    call: ClientCall,
  ): AsyncGenerator<Buffer, void, undefined> {
    const held = this.#begin();
    // True unless the reader leaves early, which ends a generator behind its `yield`.
    let cancelled = true;
    try {
      yield* held.connection.serverStreaming(path, request, call);
      cancelled = false;
    } catch (error) {
      cancelled = call.signal.aborted;
      throw error;
    } finally {
      this.#end(held, cancelled);
    }
  }

  /** Takes no more calls; those under way end by themselves. */
  close(): void {
    this.#closed = true;
    for (const held of this.#open) held.connection.close();
    this.#open.clear();
  }

  async #hold<T>(signal: AbortSignal, run: (connection: Connection) => Promise<T>): Promise<T> {
    const held = this.#begin();
    let cancelled = false;
    try {
      return await run(held.connection);
    } catch (error) {
      cancelled = signal.aborted;
      throw error;
    } finally {
      this.#end(held, cancelled);
    }
  }

  #make(): Held {
    const held = { connection: this.#connect(), calls: 0, cancelled: 0 };
    this.#open.add(held);
    return held;
  }

  #begin(): Held {
    this.#current.calls += 1;
    return this.#current;
  }

  #end(held: Held, cancelled: boolean): void {
    held.calls -= 1;
    if (cancelled) held.cancelled += 1;
    if (held === this.#current && held.cancelled >= limits.CHANNEL_CANCELS_MAX) this.renew();
    else this.#closeIdle(held);
  }

  #closeIdle(held: Held): void {
    if (held === this.#current || held.calls > 0 || !this.#open.delete(held)) return;
    held.connection.close();
  }
}

import { createHash } from "node:crypto";
import type { backup } from "@holdfast/api";
import { ChildAbort, type Clock, HoldfastError, limits } from "@holdfast/core";
import { HASH_BYTES } from "@holdfast/merkle";
import { callOptions, callServerStreaming, type Endpoint } from "@holdfast/rpc/client";
import type { Frame } from "./frames.js";
import type { GatewayClients, Gateways } from "./gateways.js";
import type { Patience } from "./patience.js";
import type { Span } from "./wire-fields.js";

/** What the reader needs to know of a tile. */
interface StreamedTile {
  readonly path: string;
  /** Where it lies in its frame. */
  readonly chunkId: Span;
  readonly body: Span | null;
}

/** Tiles as they came, in one frame that belongs to the reader's caller. */
export interface TileFrame<T> {
  readonly frame: Buffer;
  readonly tiles: readonly T[];
}

/** A stream that can be taken up again behind any tile. */
export interface ResumableStream<Req, T> {
  /** Of the generated definition; its frames are left as bytes. */
  readonly method: { readonly path: string; readonly requestSerialize: (request: Req) => Buffer };
  readonly request: (resumeAfter: string) => Req;
  readonly readFrame: (frame: Buffer) => Frame<T>;
  /** Items (of a delta: changes) that the trailer counts for a tile. */
  readonly itemsOf: (tile: T) => number;
  /** @throws when the stream is not about what was asked for. */
  readonly checkHeader: (header: backup.StreamHeader) => void;
  /** Path of the last tile that is held already; "" begins at the first. */
  readonly resumeAfter: string;
}

/** What the reader works with. */
export interface StreamDependencies {
  readonly gateways: Gateways;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly signal: AbortSignal;
}

/**
 * Reads a stream of tiles to its trailer, through any gateway. A stream that breaks off is taken
 * up again behind the last tile, as long as the patience lasts; so is one that ends without its
 * trailer, or gives no frame for the time limit. Digests of bodies are the caller's to check
 * against the chunk ids; these are checked against the trailer here.
 * @throws HoldfastError as the server sent it; HISTORY_FORKED when a restore came in between.
 */
export async function* readStream<Req, T extends StreamedTile>(
  stream: ResumableStream<Req, T>,
  dependencies: StreamDependencies,
): AsyncGenerator<TileFrame<T>, void, undefined> {
  const { gateways, patience, signal } = dependencies;
  let lastPath = stream.resumeAfter;
  for (;;) {
    const used = gateways.current;
    try {
      for await (const frame of readOnce(stream, used, lastPath, dependencies)) {
        patience.progress();
        lastPath = frame.tiles.at(-1)?.path ?? lastPath;
        yield frame;
      }
      return;
    } catch (error) {
      gateways.noteFailure(error, used);
      await patience.pause(error, signal);
    }
  }
}

async function* readOnce<Req, T extends StreamedTile>(
  stream: ResumableStream<Req, T>,
  clients: GatewayClients,
  resumeAfter: string,
  { gateways, clock, signal }: StreamDependencies,
): AsyncGenerator<TileFrame<T>, void, undefined> {
  using abort = new ChildAbort(signal);
  const count = new TrailerCount<T>(stream.itemsOf);
  let lastPath = resumeAfter;
  let headed = false;
  const frames = callServerStreaming(
    () =>
      clients.backup.makeServerStreamRequest<Req, Buffer>(
        stream.method.path,
        stream.method.requestSerialize,
        (bytes) => bytes,
        stream.request(resumeAfter),
        gateways.metadata,
        callOptions(limits.STREAM_DEADLINE_MS_DEFAULT),
      ),
    abort.signal,
    clients.endpoint,
  );
  const next = async (): Promise<IteratorResult<Buffer>> => {
    const timer = clock.setTimer(gateways.timeoutMs, () => abort.abort(silent(clients.endpoint)));
    try {
      return await frames.next();
    } finally {
      timer.cancel();
    }
  };
  try {
    for (let read = await next(); read.done !== true; read = await next()) {
      const part = stream.readFrame(read.value);
      if ((part.kind === "header") === headed) throw outOfOrder();
      switch (part.kind) {
        case "header":
          stream.checkHeader(part.header);
          headed = true;
          break;
        case "tiles":
          for (const tile of part.tiles) {
            if (tile.path <= lastPath && lastPath !== "") throw outOfOrder();
            lastPath = tile.path;
          }
          count.add(part);
          yield part;
          break;
        case "heartbeat":
          break;
        case "trailer":
          count.check(part.trailer);
          return;
      }
    }
  } finally {
    await frames.return();
  }
  throw cutOff(clients.endpoint);
}

/** Counts what a trailer has to say. */
class TrailerCount<T extends StreamedTile> {
  readonly #itemsOf: (tile: T) => number;
  readonly #digest = createHash("sha256");
  #tiles = 0;
  #items = 0;
  #bytes = 0;

  constructor(itemsOf: (tile: T) => number) {
    this.#itemsOf = itemsOf;
  }

  add({ frame, tiles }: TileFrame<T>): void {
    const ids = Buffer.allocUnsafe(HASH_BYTES * tiles.length);
    let end = 0;
    for (const tile of tiles) {
      if (tile.body === null) continue;
      this.#tiles += 1;
      this.#items += this.#itemsOf(tile);
      this.#bytes += tile.body.end - tile.body.start;
      end += frame.copy(ids, end, tile.chunkId.start, tile.chunkId.end);
    }
    this.#digest.update(ids.subarray(0, end));
  }

  check(trailer: backup.StreamTrailer): void {
    if (
      trailer.tiles !== BigInt(this.#tiles) ||
      trailer.items !== BigInt(this.#items) ||
      trailer.bytes !== BigInt(this.#bytes) ||
      !trailer.sha256.equals(this.#digest.digest())
    ) {
      throw new HoldfastError("INTERNAL", "The stream's trailer does not fit what was streamed.");
    }
  }
}

function silent({ service, address }: Endpoint): HoldfastError {
  return new HoldfastError(
    "DEADLINE_EXCEEDED",
    `The stream of the ${service} service at ${address} gave no frame within the time limit.`,
    { metadata: { service, address } },
  );
}

function cutOff({ service, address }: Endpoint): HoldfastError {
  return new HoldfastError(
    "STORAGE_UNAVAILABLE",
    `The stream of the ${service} service at ${address} ended without its trailer. It is taken up ` +
      "again where it broke off.",
    { metadata: { service, address } },
  );
}

function outOfOrder(): HoldfastError {
  return new HoldfastError("INTERNAL", "The service sent frames or tiles out of order.");
}

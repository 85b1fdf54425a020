import { HoldfastError } from "@holdfast/core";
import { type Database, open, type RootDatabase } from "lmdb";
import type { LeaseStore } from "../lease/ports.js";
import type { SessionStore } from "../restore/session-store.js";
import { decodeLease, decodeSession, encodeLease, encodeSession } from "./control-codec.js";
import { checkDataFile, hasNoData } from "./data-file-head.js";
import { u64 } from "./schema.js";

/** Format of the control database; a newer one is refused. */
const FORMAT = 1n;
const MAP_BYTES = 2 ** 30;

const FORMAT_KEY: Buffer = Buffer.from("format");
const LIVE_KEY: Buffer = Buffer.from("live");
const TOKEN_KEY: Buffer = Buffer.from("last_token");

type Rows = Database<Buffer, Buffer>;

/**
 * The control database of a data directory: leases, the fencing counter, restore sessions and the
 * number of the live generation. Writes are asynchronous and durable when they resolve.
 */
export class ControlEnv {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #meta: Rows;
  readonly #leases: Rows;
  readonly #sessions: Rows;
  /** Leases and the fencing counter. */
  readonly leases: LeaseStore;
  /** Restore sessions. */
  readonly restores: SessionStore;

  private constructor(root: RootDatabase<Buffer, Buffer>) {
    this.#root = root;
    this.#meta = openRows(root, "meta");
    this.#leases = openRows(root, "leases");
    this.#sessions = openRows(root, "sessions");
    this.leases = {
      load: () => ({
        records: [...this.#leases.getRange().map(({ value }) => decodeLease(value))],
        lastToken: this.#number(TOKEN_KEY) ?? 0n,
      }),
      write: ({ puts, removals, lastToken }) => {
        const rows = puts.map((lease) => row(lease.leaseId, encodeLease(lease)));
        const gone = removals.map((leaseId) => Buffer.from(leaseId));
        return this.#write(() => {
          for (const { key, value } of rows) void this.#leases.put(key, value);
          for (const key of gone) void this.#leases.remove(key);
          void this.#meta.put(TOKEN_KEY, u64(lastToken));
        });
      },
    };
    this.restores = {
      load: () => [...this.#sessions.getRange().map(({ value }) => decodeSession(value))],
      write: ({ puts, removals }) => {
        const rows = puts.map((session) => row(session.sessionId, encodeSession(session)));
        const gone = removals.map((sessionId) => Buffer.from(sessionId));
        return this.#write(() => {
          for (const { key, value } of rows) void this.#sessions.put(key, value);
          for (const key of gone) void this.#sessions.remove(key);
        });
      },
      publish: (session, released) => {
        const sessionRow = row(session.sessionId, encodeSession(session));
        const leaseRow = row(released.leaseId, encodeLease(released));
        return this.#write(() => {
          void this.#meta.put(LIVE_KEY, u64(BigInt(session.generation)));
          void this.#sessions.put(sessionRow.key, sessionRow.value);
          void this.#leases.put(leaseRow.key, leaseRow.value);
        });
      },
    };
  }

  /**
   * Opens the database in the folder `path`, or makes it. The caller holds the data directory's
   * lock. Synchronous: before the process serves anything.
   * @throws ENGINE_FAILED when its format is newer; ROW_CORRUPT when its head is damaged.
   */
  static open(path: string): ControlEnv {
    if (!hasNoData(path)) checkDataFile(path);
    const root = open<Buffer, Buffer>({
      path,
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false,
      eventTurnBatching: false,
      mapSize: MAP_BYTES,
      maxDbs: 8,
      noMemInit: false,
      cache: false,
    });
    const env = new ControlEnv(root);
    const format = env.#number(FORMAT_KEY);
    if (format === null) env.#meta.putSync(FORMAT_KEY, u64(FORMAT));
    else if (format > FORMAT) {
      throw new HoldfastError(
        "ENGINE_FAILED",
        `The control database has format ${format}, this program knows ${FORMAT}. Use a newer one.`,
        { metadata: { format: `${format}`, known: `${FORMAT}` } },
      );
    }
    return env;
  }

  /** Number of the live generation; null in a new data directory. */
  live(): number | null {
    const live = this.#number(LIVE_KEY);
    return live === null ? null : Number(live);
  }

  /** Names the live generation of a new data directory; durable when it resolves. */
  setLive(generation: number): Promise<void> {
    return this.#write(() => void this.#meta.put(LIVE_KEY, u64(BigInt(generation))));
  }

  /** Waits for what is being written and closes. */
  async close(): Promise<void> {
    await this.#root.close();
  }

  #number(key: Buffer): bigint | null {
    return this.#meta.get(key)?.readBigUInt64BE() ?? null;
  }

  /** `puts` runs inside the transaction; it must not throw: what it did before would stay. */
  async #write(puts: () => void): Promise<void> {
    try {
      await this.#root.transaction(puts);
    } catch (error) {
      throw new HoldfastError("ENGINE_FAILED", "The control database could not be written.", {
        cause: await commitCause(error),
      });
    }
  }
}

/** lmdb rejects with an error whose real cause is a promise of its own, to be awaited always. */
async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    return (await error.commitError) ?? error;
  } catch (cause) {
    return cause;
  }
}

function openRows(root: RootDatabase<Buffer, Buffer>, name: string): Rows {
  return root.openDB<Buffer, Buffer>({ name, encoding: "binary", keyEncoding: "binary" });
}

function row(id: string, value: Buffer): { key: Buffer; value: Buffer } {
  return { key: Buffer.from(id), value };
}

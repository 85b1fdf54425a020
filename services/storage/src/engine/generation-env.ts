import { type Database, open, type RootDatabase } from "lmdb";
import { checkDataFile, hasNoData } from "./data-file-head.js";
import { SHARDS } from "./schema.js";

/** A named database of bytes. */
export type Bytes = Database<Buffer, Buffer>;

/** One open LMDB environment of a generation, with its databases by their names in schema.ts. */
export interface GenerationEnv {
  readonly path: string;
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly meta: Bytes;
  readonly state: readonly Bytes[];
  readonly nodes: readonly Bytes[];
  readonly journal: readonly Bytes[];
  readonly stale: readonly Bytes[];
  readonly checkpoints: Bytes;
  readonly infos: Bytes;
  readonly log: Bytes;
  readonly transactions: Bytes;
  readonly requests: Bytes;
  readonly requestOrder: Bytes;
  readonly restoreTiles: Bytes;
  /** Closes it in this thread; waits for writes under way here. */
  close(): Promise<void>;
}

/** Address space of an environment, bytes: large, so that it never has to be mapped anew. */
const MAP_BYTES: number = 2 ** 40;
/** Read transactions at the same time, of all threads. */
const READERS_MAX = 1_024;
const DATABASES_MAX = 128;

/**
 * Opens the environment in folder `path` (made when missing), in any thread: threads of a process
 * share one mapping.
 *
 * `overlappingSync` is off, so that nothing is visible before it is durable, and a failed commit
 * leaves nothing behind.
 * @throws ROW_CORRUPT when its head is damaged; Error of LMDB.
 */
export function openGenerationEnv(path: string): GenerationEnv {
  if (!hasNoData(path)) checkDataFile(path);
  const root = openRoot(path, false);
  // One write transaction for all, instead of one for each.
  const databases = root.transactionSync(() => openDatabases(root));
  return { path, root, ...databases, close: () => root.close() };
}

/**
 * Opens it to be read only, by the one thread that has it open.
 * @throws ROW_CORRUPT when its head is damaged; Error of LMDB, also when a database is missing.
 */
export function openGenerationForCheck(path: string): GenerationEnv {
  checkDataFile(path);
  const root = openRoot(path, true);
  return { path, root, ...openDatabases(root), close: () => root.close() };
}

function openRoot(path: string, readOnly: boolean): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    readOnly,
    encoding: "binary",
    keyEncoding: "binary",
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxReaders: READERS_MAX,
    maxDbs: DATABASES_MAX,
    cache: false,
    noMemInit: false,
  });
}

type Databases = Omit<GenerationEnv, "path" | "root" | "close">;

function openDatabases(root: RootDatabase<Buffer, Buffer>): Databases {
  const database = (name: string): Bytes => {
    const options = { name, encoding: "binary", keyEncoding: "binary" } as const;
    const opened: Bytes | undefined = root.openDB<Buffer, Buffer>(options);
    // LMDB answers so when it may not make it.
    if (opened === undefined) throw new Error(`the database ${name} is missing`);
    return opened;
  };
  const shards = (name: string): Bytes[] =>
    Array.from({ length: SHARDS }, (_, shard) => database(`${name}.${shard.toString(16)}`));
  return {
    meta: database("meta"),
    state: shards("state"),
    nodes: shards("nodes"),
    journal: shards("journal"),
    stale: shards("stale"),
    checkpoints: database("checkpoints"),
    infos: database("infos"),
    log: database("log"),
    transactions: database("transactions"),
    requests: database("requests"),
    requestOrder: database("request_order"),
    restoreTiles: database("restore.tiles"),
  };
}

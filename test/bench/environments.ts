// One LMDB environment with 16 databases against 16 environments and a marker: the figures of
// docs/adr/0005. Run by hand: node test/dist/bench/environments.js
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";

const KEYS = 400_000;
const PUTS = 200_000;
const SHARDS = 16;
const MAP_BYTES = 16 * 2 ** 30;

type Bytes = Database<Buffer, Buffer>;

const keys = Array.from({ length: KEYS }, (_, index) =>
  createHash("sha256").update(String(index)).digest(),
);
const row = randomBytes(240);
const node = randomBytes(700);

for (const blockPuts of [5_000, 1_000]) {
  for (const nodesPerPut of [0, 2]) {
    const one = await rate("one", blockPuts, nodesPerPut);
    const many = await rate("many", blockPuts, nodesPerPut);
    process.stdout.write(
      `${blockPuts} puts a block, ${nodesPerPut} nodes a put: one ${one}, 17 ${many} puts/s\n`,
    );
  }
}

async function rate(kind: "one" | "many", blockPuts: number, nodesPerPut: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-environments-"));
  const roots: RootDatabase<Buffer, Buffer>[] = [];
  const openRoot = (name: string): RootDatabase<Buffer, Buffer> => {
    const root = open<Buffer, Buffer>({
      path: join(folder, name),
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false,
      mapSize: MAP_BYTES,
      maxDbs: 64,
    });
    roots.push(root);
    return root;
  };
  const named = { encoding: "binary", keyEncoding: "binary" } as const;
  const shards: { root: RootDatabase<Buffer, Buffer>; rows: Bytes; nodes: Bytes }[] = [];
  const single = kind === "one" ? openRoot("one") : null;
  for (let shard = 0; shard < SHARDS; shard++) {
    const root = single ?? openRoot(`shard-${shard}`);
    shards.push({
      root,
      rows: root.openDB<Buffer, Buffer>({ name: `state.${shard}`, ...named }),
      nodes: root.openDB<Buffer, Buffer>({ name: `nodes.${shard}`, ...named }),
    });
  }
  const markerRoot = single ?? openRoot("marker");
  const marker = markerRoot.openDB<Buffer, Buffer>({ name: "marker", ...named });
  let version = 0;
  const block = async (from: number, count: number): Promise<void> => {
    version++;
    const writes = keys.slice(from, from + count).sort(Buffer.compare);
    const written: Promise<unknown>[] = [];
    const apply = (): void => {
      writes.forEach((key, index) => {
        const shard = shards[(key[0] ?? 0) >> 4];
        if (shard === undefined) return;
        const stamp = Buffer.alloc(8);
        stamp.writeBigUInt64BE(BigInt(version));
        written.push(shard.rows.put(Buffer.concat([key, stamp]), row));
        for (let copy = 0; copy < nodesPerPut; copy++) {
          const path = Buffer.from([copy, index >> 8, index & 255]);
          written.push(shard.nodes.put(Buffer.concat([stamp, path]), node));
        }
      });
    };
    const mark = () => marker.put(Buffer.from("committed"), Buffer.from(String(version)));
    if (single === null) {
      // The marker may follow only when every shard is durable.
      apply();
      await Promise.all(written);
      await mark();
    } else {
      single.transactionSync(() => {
        apply();
        void mark();
      });
    }
  };
  for (let from = 0; from < KEYS; from += blockPuts) await block(from, blockPuts);
  const start = performance.now();
  for (let done = 0; done < PUTS; done += blockPuts) {
    await block((done * 7) % (KEYS - blockPuts), blockPuts);
  }
  const seconds = (performance.now() - start) / 1000;
  for (const root of roots) await root.close();
  await rm(folder, { recursive: true });
  return Math.round(PUTS / seconds);
}

// Goal: fsck finds every kind of damage and names it, and finds nothing where there is none.
// Method: a small store, pruned a little; one row of each database changed, removed or added.
import { strict as assert } from "node:assert";
import test from "node:test";
import { sha256 } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { randomBlock } from "../test-support/blocks.js";
import { spoilRootPage } from "../test-support/spoil-page.js";
import { TestStore } from "../test-support/test-store.js";
import { checkGeneration } from "./fsck.js";
import type { Bytes, GenerationEnv } from "./generation-env.js";
import { pruneStep, raiseOldest } from "./prune-step.js";
import { logKey, META, nodeKey, shardOf, stateKey, u64 } from "./schema.js";

const SEED = 77;

/** A shard of it in which no database is empty. */
const FULL = 0;

/** A store of 30 blocks, the first versions pruned. */
async function filled(): Promise<TestStore> {
  const store = await TestStore.open();
  const random = new SeededRandom(SEED);
  for (let block = 0; block < 30; block++) store.commit(randomBlock(random, 40));
  raiseOldest(store.env, { state: 10n, transaction: 5n, journal: 20n });
  while (pruneStep(store.env) > 0);
  return store;
}

/** All rows of a sharded database, with where they are. */
function rowsOf(databases: readonly Bytes[]): { database: Bytes; key: Buffer; value: Buffer }[] {
  return databases.flatMap((database) =>
    [...database.getRange()].map(({ key, value }) => ({ database, key, value })),
  );
}

/** The last byte of a copy, changed. */
function spoiled(value: Buffer): Buffer {
  const copy = Buffer.from(value);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

interface Damage {
  readonly what: string;
  /** A database that must be named. */
  readonly where: string;
  readonly make: (env: GenerationEnv, random: SeededRandom) => void;
}

const committed = (env: GenerationEnv): bigint =>
  env.meta.get(META.committed)?.readBigUInt64BE() ?? 0n;

/** A row of the newest state. */
function liveRow(
  env: GenerationEnv,
  random: SeededRandom,
): { database: Bytes; key: Buffer; value: Buffer } {
  const seen = new Set<string>();
  const newest = rowsOf(env.state).filter(({ key, value }) => {
    const keyHash = key.toString("hex", 0, 32);
    const isNewest = !seen.has(keyHash);
    seen.add(keyHash);
    return isNewest && value.length > 0;
  });
  return random.pick(newest);
}

const DAMAGES: readonly Damage[] = [
  {
    what: "a changed value",
    where: "state",
    make: (env, random) => {
      const { database, key, value } = liveRow(env, random);
      database.putSync(key, spoiled(value));
    },
  },
  {
    what: "a row that is no item",
    where: "state",
    make: (env, random) => {
      const { database, key } = liveRow(env, random);
      database.putSync(key, Buffer.from("nonsense"));
    },
  },
  {
    what: "a missing row",
    where: "state",
    make: (env, random) => {
      const { database, key } = liveRow(env, random);
      database.removeSync(key);
    },
  },
  {
    what: "a row that no leaf knows",
    where: "state",
    make: (env) => {
      const keyHash = sha256(Buffer.from("foreign"));
      env.state[shardOf(keyHash)]?.putSync(stateKey(keyHash, 3n), Buffer.from([0x0a, 1, 1]));
    },
  },
  {
    what: "a changed hash in a node",
    where: "nodes",
    make: (env, random) => {
      const { database, key, value } = random.pick(newestNodes(env));
      database.putSync(key, spoiled(value));
    },
  },
  {
    what: "a missing node",
    where: "nodes",
    make: (env, random) => {
      const { database, key } = random.pick(newestNodes(env));
      database.removeSync(key);
    },
  },
  {
    what: "a node cut off",
    where: "nodes",
    make: (env, random) => {
      const { database, key, value } = random.pick(newestNodes(env));
      database.putSync(key, value.subarray(0, value.length - 1));
    },
  },
  {
    what: "a node that nothing refers to",
    where: "nodes",
    make: (env, random) => {
      const { database, value } = random.pick(newestNodes(env));
      const shard = env.nodes.indexOf(database).toString(16);
      database.putSync(nodeKey(12n, `${shard}abcdef`), value);
    },
  },
  {
    what: "a list of replaced nodes that is missing",
    where: "nodes",
    make: (env, random) => {
      const lists = rowsOf(env.stale).filter(({ value }) => value.readUInt32BE(0) > 0);
      const { database, key } = random.pick(lists);
      database.removeSync(key);
    },
  },
  {
    what: "a list of replaced nodes cut off",
    where: "stale",
    make: (env, random) => {
      const { database, key, value } = random.pick(rowsOf(env.stale));
      database.putSync(key, value.subarray(0, value.length - 1));
    },
  },
  {
    what: "a root cut off",
    where: "checkpoints",
    make: (env) => {
      const key = u64(committed(env));
      const value = env.checkpoints.get(key) ?? assert.fail();
      env.checkpoints.putSync(key, value.subarray(0, value.length - 1));
    },
  },
  {
    what: "a missing checkpoint",
    where: "checkpoints",
    make: (env) => void env.checkpoints.removeSync(u64(committed(env))),
  },
  {
    what: "a wrong number of items",
    where: "counters",
    make: (env) => {
      const key = u64(committed(env));
      const value = Buffer.from(env.checkpoints.get(key) ?? assert.fail());
      value.writeBigUInt64BE(value.readBigUInt64BE(8) + 1n, 8);
      env.checkpoints.putSync(key, value);
    },
  },
  {
    what: "a wrong number of journal entries",
    where: "counters",
    make: (env) => {
      const key = u64(committed(env));
      const value = Buffer.from(env.checkpoints.get(key) ?? assert.fail());
      value.writeBigUInt64BE(value.readBigUInt64BE(24) + 1n, 24);
      env.checkpoints.putSync(key, value);
    },
  },
  {
    what: "a changed journal entry",
    where: "journal",
    make: (env, random) => {
      const { database, key, value } = random.pick(rowsOf(env.journal));
      database.putSync(key, value.length === 0 ? Buffer.alloc(32) : spoiled(value));
    },
  },
  {
    what: "a missing journal entry",
    where: "journal",
    make: (env, random) => {
      const { database, key } = random.pick(rowsOf(env.journal));
      database.removeSync(key);
    },
  },
  {
    what: "a journal entry without row",
    where: "journal",
    make: (env) => {
      const keyHash = Buffer.alloc(32, 0x50);
      env.journal[5]?.putSync(Buffer.concat([u64(committed(env)), keyHash]), Buffer.alloc(0));
    },
  },
  {
    what: "a changed info",
    where: "infos",
    make: (env) => {
      const key = u64(committed(env));
      env.infos.putSync(key, spoiled(env.infos.get(key) ?? assert.fail()));
    },
  },
  {
    what: "a changed old info",
    where: "log",
    make: (env) => env.infos.putSync(u64(2n), spoiled(env.infos.get(u64(2n)) ?? assert.fail())),
  },
  {
    what: "a missing info",
    where: "infos",
    make: (env) => void env.infos.removeSync(u64(7n)),
  },
  {
    what: "the newest info is missing",
    where: "infos",
    make: (env) => void env.infos.removeSync(u64(committed(env))),
  },
  {
    what: "a changed log leaf",
    where: "log",
    make: (env) => env.log.putSync(logKey(0, 3n), Buffer.alloc(32)),
  },
  {
    what: "a changed log node",
    where: "log",
    make: (env) => env.log.putSync(logKey(2, 1n), Buffer.alloc(32)),
  },
  {
    what: "a missing log node",
    where: "log",
    make: (env) => void env.log.removeSync(logKey(1, 4n)),
  },
  {
    what: "a changed transaction",
    where: "transactions",
    make: (env) => {
      const key = u64(committed(env));
      env.transactions.putSync(key, Buffer.from([0x0a, 1, 1]));
    },
  },
  {
    what: "a missing transaction",
    where: "transactions",
    make: (env) => void env.transactions.removeSync(u64(6n)),
  },
  {
    what: "rows behind the committed version",
    where: "infos",
    make: (env) => env.meta.putSync(META.committed, u64(committed(env) - 1n)),
  },
  {
    what: "no ledger id",
    where: "meta",
    make: (env) => void env.meta.removeSync(META.ledgerId),
  },
  {
    what: "no history",
    where: "meta",
    make: (env) => void env.meta.removeSync(META.histories),
  },
  {
    what: "no committed version",
    where: "meta",
    make: (env) => void env.meta.removeSync(META.committed),
  },
];

/** Nodes that were written by the newest block that wrote some: the newest tree has them. */
function newestNodes(env: GenerationEnv): { database: Bytes; key: Buffer; value: Buffer }[] {
  const nodes = rowsOf(env.nodes);
  const newest = nodes.reduce(
    (max, { key }) => (key.subarray(0, 8).compare(max) > 0 ? key.subarray(0, 8) : max),
    u64(0n),
  );
  return nodes.filter(({ key }) => key.subarray(0, 8).equals(newest));
}

test("a store that is well has no finding, also in the middle of a pruning", async () => {
  await using half = await TestStore.open();
  const random = new SeededRandom(SEED);
  for (let block = 0; block < 300; block++) half.commit(randomBlock(random, 400));
  raiseOldest(half.env, { state: 901n, transaction: 5n, journal: 20n });
  let steps = 0;
  do {
    assert.deepEqual(checkGeneration(half.env).list, [], `after ${steps} steps`);
    steps += 1;
  } while (pruneStep(half.env) > 0);
  assert.ok(steps > 2, `${steps} steps`);
});

test("a store that is well has no finding", async () => {
  await using store = await filled();
  assert.deepEqual(checkGeneration(store.env).list, []);
  await using empty = await TestStore.open();
  assert.deepEqual(checkGeneration(empty.env).list, []);
});

test(`each kind of damage is found and named (seed ${SEED})`, async (context) => {
  for (const { what, where, make } of DAMAGES) {
    await context.test(what, async () => {
      await using store = await filled();
      make(store.env, new SeededRandom(SEED));
      const { list } = checkGeneration(store.env);
      assert.ok(
        list.some((finding) => finding.where === where),
        `${where} is not named: ${JSON.stringify(list)}`,
      );
    });
  }
});

test("a page that LMDB cannot read is named, and keeps nothing else from being checked", async (context) => {
  const sharded = ["state", "nodes", "journal", "stale"].map(
    (name) => `${name}.${FULL.toString(16)}`,
  );
  for (const database of [...sharded, "infos", "log", "transactions", "checkpoints", "meta"]) {
    await context.test(database, async () => {
      await using store = await filled();
      const { env } = store;
      const random = new SeededRandom(SEED);
      const other = random.pick(rowsOf(env.journal.filter((_, shard) => shard !== FULL)));
      other.database.removeSync(other.key);
      spoilRootPage(env, database);
      const { list } = checkGeneration(env);
      const [where] = database.split(".");
      assert.ok(
        list.some((finding) => finding.where === where && finding.what.includes("page")),
        JSON.stringify(list),
      );
      if (database === "meta") return;
      const shard = env.journal.indexOf(other.database).toString(16);
      const elsewhere = new RegExp(`shard ${shard} has .* entries behind|in shard ${shard},`);
      assert.ok(
        database === "checkpoints" || list.some(({ what }) => elsewhere.test(what)),
        JSON.stringify(list),
      );
    });
  }
});

test("nodes without use are named, the first few of them", async () => {
  await using store = await filled();
  const random = new SeededRandom(SEED);
  const { database, value } = random.pick(newestNodes(store.env));
  const shard = store.env.nodes.indexOf(database).toString(16);
  const foreign = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${shard}abcde${index}`);
  const named = (): string[] => {
    const { list } = checkGeneration(store.env);
    assert.deepEqual(
      list.map(({ where }) => where),
      ["nodes"],
    );
    return [...(list[0]?.what.matchAll(/node (\w+) of 12/g) ?? [])].map(([, path]) => path ?? "");
  };
  for (const count of [1, 3, 5]) {
    for (const path of foreign(count)) database.putSync(nodeKey(12n, path), value);
    assert.deepEqual(named(), foreign(Math.min(count, 3)));
  }
});

test("what only a node or a list that cannot be read refers to is not called without use", async () => {
  for (const cutOff of ["node", "list"]) {
    await using store = await filled();
    const { env } = store;
    const shard = FULL.toString(16);
    const isShardsRoot = ({ database, key }: { database: Bytes; key: Buffer }): boolean =>
      database === env.nodes[FULL] && key.subarray(8).equals(nodeKey(0n, shard).subarray(8));
    const [row] =
      cutOff === "node"
        ? rowsOf(env.nodes).filter(isShardsRoot).slice(-1)
        : rowsOf(env.stale.slice(FULL, FULL + 1)).filter(({ value }) => value.readUInt32BE() > 0);
    assert.ok(row !== undefined);
    row.database.putSync(row.key, row.value.subarray(0, 5));
    const { list } = checkGeneration(env);
    const said = JSON.stringify(list);
    assert.doesNotMatch(said, /without use|has [0-9]+ nodes|rows and [0-9]+ leaves/);
    assert.match(said, new RegExp(`not checked: whether all nodes of shard ${shard} are of use`));
    assert.equal(/not checked: whether all [0-9]+ rows/.test(said), cutOff === "node", said);
    env.nodes[FULL]?.putSync(nodeKey(12n, "f0"), row.value);
    const named = checkGeneration(env).list.some(({ what }) => what.includes("use: node f0 of 12"));
    assert.equal(named, cutOff === "node", "what is surely without use is told beside it");
  }
});

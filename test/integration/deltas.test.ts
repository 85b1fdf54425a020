// Goal: a second backup costs what changed, and every version of a chain of deltas restores to its
// root, before and after compact. Method: the CLI against real services, roots of a plain model.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { type Clients, clientsOf, commit, type Write } from "../support/clients.js";
import { cliJson, startGateway, startStorage } from "../support/processes.js";
import { StateModel } from "../support/state-model.js";

const seed = Number(process.env["STORM_SEED"] ?? 7);

test("1 % of 200,000 keys changed adds at most 5 % of the bytes of the first backup", async (context) => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const clients = clientsOf(store.listen);
  const archive = join(folder.path, "archive");
  const backup = () =>
    cliJson(["--gateway", gateway.listen, "backup", "state", "--archive", archive]);
  const random = new SeededRandom(seed);
  const put = (index: number): Write => [keyOf(index), random.bytes(200)];
  for (let from = 0; from < 200_000; from += 5_000) {
    await commit(clients, [Array.from({ length: 5_000 }, (_, index) => put(from + index))]);
  }
  await backup();
  const first = await folderBytes(archive);
  await commit(clients, [Array.from({ length: 2_000 }, (_, index) => put(index * 100))]);
  const second = await backup();
  assert.equal(second["kind"], "delta");
  const added = (await folderBytes(archive)) - first;
  context.diagnostic(`${added} of ${first} bytes: ${((100 * added) / first).toFixed(2)} %`);
  assert.ok(added <= 0.05 * first, `the delta added ${added} bytes to ${first}`);
  clients.close();
});

test(`a chain of 8 deltas restores to each of its 9 versions (seed ${seed})`, async (context) => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  await using target = await startStorage(join(folder.path, "target"));
  await using targetGateway = await startGateway(target.listen);
  const clients = clientsOf(store.listen);
  const archive = join(folder.path, "archive");
  const chain = new Chain(clients, new SeededRandom(seed));
  const snapshots: { version: number; root: string }[] = [];

  for (const step of STEPS) {
    await step.change(chain);
    const root = chain.model.root().toString("hex");
    const taken = await cliJson([
      ...["--gateway", gateway.listen],
      ...["backup", "state", "--archive", archive],
    ]);
    context.diagnostic(`${step.name}: ${taken["kind"]} at ${taken["version"]}`);
    assert.equal(taken["state_root"], root, step.name);
    assert.equal(taken["kind"], snapshots.length === 0 ? "full" : "delta", step.name);
    assert.equal(taken["proved"], true, step.name);
    snapshots.push({ version: Number(taken["version"]), root });
  }
  assert.equal(snapshots.length, 9);

  const restoreAll = async (when: string): Promise<void> => {
    for (const { version, root } of snapshots) {
      await cliJson([
        ...["--gateway", targetGateway.listen, "restore", "--archive", archive],
        ...["--to-version", String(version), "--replace"],
      ]);
      const status = await cliJson(["--storage", target.listen, "status"]);
      assert.equal(status["state_root"], root, `${when}: version ${version}`);
      assert.equal(status["committed_version"], version, when);
    }
  };
  await restoreAll("before compact");

  const full = join(folder.path, "full");
  await cliJson(["archive", "compact", "--archive", archive]);
  await cliJson(["--gateway", gateway.listen, "backup", "state", "--archive", full, "--full"]);
  assert.deepEqual(await newestFullTiles(archive), await newestFullTiles(full));
  await cliJson(["verify", "--archive", archive]);
  await restoreAll("after compact");
  clients.close();
});

/** A store that changes, and the model of what it must hold. */
class Chain {
  readonly model: StateModel = new StateModel();
  readonly random: SeededRandom;
  readonly #clients: Clients;

  constructor(clients: Clients, random: SeededRandom) {
    this.#clients = clients;
    this.random = random;
  }

  /** Commits a block of these transactions. */
  async commit(...transactions: (readonly Write[])[]): Promise<void> {
    await commit(this.#clients, transactions);
    for (const writes of transactions) this.model.apply(writes);
  }

  /** Keys of the state in a fixed order. */
  keys(): Buffer[] {
    return this.model
      .entries()
      .map(([key]) => Buffer.from(key, "hex"))
      .sort(Buffer.compare);
  }

  put(key: Buffer | string): Write {
    return [key, this.random.bytes(1_000 + this.random.int(1_000))];
  }
}

const STEPS: readonly { name: string; change: (chain: Chain) => Promise<void> }[] = [
  {
    name: "3,000 keys",
    change: async (chain) => {
      for (let from = 0; from < 3_000; from += 1_000) {
        await chain.commit(
          Array.from({ length: 1_000 }, (_, index) => chain.put(keyOf(from + index))),
        );
      }
    },
  },
  {
    name: "overwrites",
    change: (chain) =>
      chain.commit(
        chain
          .keys()
          .slice(0, 30)
          .map((key) => chain.put(key)),
        chain
          .keys()
          .slice(10, 40)
          .map((key) => chain.put(key)),
      ),
  },
  {
    name: "deletes that collapse a sibling",
    change: async (chain) => {
      const byHash = chain.keys().sort((a, b) => Buffer.compare(hash(a), hash(b)));
      const pairs = byHash
        .map((key, index) => [key, byHash[index + 1]] as const)
        .filter(([a, b]) => b !== undefined && sharedBits(hash(a), hash(b)) >= 13)
        .map(([key]) => key);
      assert.ok(pairs.length >= 5, "too few keys with neighbours");
      await chain.commit(pairs.slice(0, 50).map((key) => [key, null] as const));
    },
  },
  {
    name: "delete of a shard's last key",
    change: async (chain) => {
      const shard = chain.keys().filter((key) => (hash(key)[0] ?? 0) >> 4 === 9);
      await chain.commit(shard.slice(1).map((key) => [key, null] as const));
      await chain.commit(shard.slice(0, 1).map((key) => [key, null] as const));
    },
  },
  {
    name: "delete and re-add of the same value",
    change: async (chain) => {
      const [entry] = chain.model.entries();
      assert.ok(entry !== undefined);
      const key = Buffer.from(entry[0], "hex");
      await chain.commit([[key, null]]);
      await chain.commit([[key, entry[1]]], [chain.put("fresh")]);
    },
  },
  {
    name: "put and delete in between",
    change: async (chain) => {
      await chain.commit([chain.put("passing")]);
      await chain.commit([["passing", null]], [chain.put("staying")]);
    },
  },
  {
    name: "nothing but an equal value",
    change: async (chain) => {
      const [entry] = chain.model.entries();
      assert.ok(entry !== undefined);
      await chain.commit([[Buffer.from(entry[0], "hex"), entry[1]]]);
    },
  },
  {
    name: "all keys deleted",
    change: async (chain) => {
      await chain.commit(chain.keys().map((key) => [key, null] as const));
      assert.equal(chain.model.size, 0);
    },
  },
  {
    name: "from the empty state",
    change: (chain) =>
      chain.commit(Array.from({ length: 200 }, (_, index) => chain.put(keyOf(index)))),
  },
];

function keyOf(index: number): Buffer {
  return hash(Buffer.from(`key ${index}`));
}

function hash(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function sharedBits(a: Buffer, b: Buffer): number {
  let bits = 0;
  for (let index = 0; index < a.length; index++) {
    const differs = (a[index] ?? 0) ^ (b[index] ?? 0);
    if (differs !== 0) return bits + Math.clz32(differs) - 24;
    bits += 8;
  }
  return bits;
}

/** Tiles of the newest full snapshot: what must be equal wherever it was made. */
async function newestFullTiles(archive: string): Promise<unknown[]> {
  const names = (await readdir(join(archive, "snapshots"))).filter((name) => /-full-/.test(name));
  const name = names.sort().at(-1) ?? "";
  const lines = (await readFile(join(archive, "snapshots", name), "utf8")).trimEnd().split("\n");
  return lines.slice(1, -1).map((line) => {
    const { path, node, items, bytes, chunk } = JSON.parse(line) as Record<string, unknown>;
    return { path, node, items, bytes, chunk };
  });
}

async function folderBytes(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

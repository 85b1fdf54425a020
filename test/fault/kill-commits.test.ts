// Goal: what storage acknowledged survives SIGKILL at any moment, and no half of anything else.
// Method: kill it under commit load, restart it on the same folder, compare with the blocks.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import type { storage } from "@holdfast/api";
import { SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { type Clients, clientsOf, commit, dbState, unary, type Write } from "../support/clients.js";
import { startStorage } from "../support/processes.js";
import { ROOT } from "../support/repository.js";
import { StateModel } from "../support/state-model.js";

const KILLS = 50;
const seed = Number(process.env["STORM_SEED"] ?? 20_261_121);

interface Block {
  readonly transactions: readonly (readonly Write[])[];
  answer: storage.CommitBlockResponse | null;
}

test(`storage killed ${KILLS} times under commit load (seed ${seed})`, async () => {
  await using folder = await temporaryDirectory();
  const random = new SeededRandom(seed);
  const blocks: Block[] = [];
  let listen = "127.0.0.1:0";
  for (let kill = 0; kill < KILLS; kill++) {
    await using service = await startStorage(folder.path, [], listen);
    listen = service.listen;
    const clients = clientsOf(service.listen);
    await compare(clients, blocks, `after kill ${kill}`);
    const killAfter = 1 + random.int(12);
    const load = commitLoad(clients, random, blocks, killAfter, () =>
      service.process.kill("SIGKILL"),
    );
    await load;
    await service.end("SIGKILL");
    clients.close();
  }
  const fsck = spawnSync(
    process.execPath,
    [join(ROOT, "services/storage/bin/holdfast-storage.cjs"), "fsck", "--data-dir", folder.path],
    { encoding: "utf8" },
  );
  assert.equal(fsck.status, 0, `fsck: ${fsck.stdout}${fsck.stderr}`);
  await using service = await startStorage(folder.path, [], listen);
  const clients = clientsOf(service.listen);
  await compare(clients, blocks, "at the end");
  await compareRoot(clients, blocks);
  clients.close();
});

/** Commits blocks, three in flight, and kills after `killAfter` answers at a random moment. */
async function commitLoad(
  clients: Clients,
  random: SeededRandom,
  blocks: Block[],
  killAfter: number,
  kill: () => void,
): Promise<void> {
  let answered = 0;
  let killed = false;
  const lane = async (): Promise<void> => {
    while (!killed) {
      const block: Block = { transactions: randomBlock(random), answer: null };
      blocks.push(block);
      try {
        block.answer = await commit(clients, block.transactions);
      } catch {
        return;
      }
      answered++;
      if (answered === killAfter) {
        killed = true;
        // Blocks of the other lanes are on their way now.
        setImmediate(kill);
      }
    }
  };
  await Promise.all([lane(), lane(), lane()]);
}

function randomBlock(random: SeededRandom): (readonly Write[])[] {
  return Array.from({ length: 1 + random.int(4) }, () => {
    const writes = new Map<string, string | null>();
    for (let write = 0; write < 1 + random.int(20); write++) {
      const value = random.int(5) === 0 ? null : `value ${random.int(1_000_000)}`;
      writes.set(`key ${random.int(200)}`, value);
    }
    return [...writes];
  });
}

/** Every acknowledged block is at its versions; what else is there is whole. */
async function compare(clients: Clients, blocks: Block[], when: string): Promise<void> {
  const state = await dbState(clients);
  const committed = state.committedVersion ?? -1n;
  const acknowledged = blocks.filter((block) => block.answer !== null);
  const newest = acknowledged.reduce((max, block) => {
    const version = block.answer?.committedVersion ?? -1n;
    return version > max ? version : max;
  }, -1n);
  assert.ok(
    committed >= newest,
    `${when}: version ${newest} was acknowledged, ${committed} is there`,
  );
  // Blocks in flight at the kill may be there: whole, with the write sets that were sent.
  for (let version = newest + 1n; version <= committed; ) {
    const found = await blockAt(clients, version, blocks);
    assert.ok(
      found !== null,
      `${when}: version ${version} is not the start of a block that was sent`,
    );
    found.answer = {
      firstVersion: version,
      committedVersion: version + BigInt(found.transactions.length) - 1n,
      stateRoot: Buffer.alloc(0),
      logRoot: Buffer.alloc(0),
      commitTime: undefined,
      ledgerId: state.ledgerId,
      historyId: Buffer.alloc(0),
      repeatedRequest: false,
    };
    version += BigInt(found.transactions.length);
    assert.ok(version - 1n <= committed, `${when}: half of a block is there`);
  }
  for (let index = blocks.length - 1; index >= 0; index--) {
    if (blocks[index]?.answer === null) blocks.splice(index, 1);
  }
}

/** The sent, unanswered block whose transactions stand at `version` and after it. */
async function blockAt(clients: Clients, version: bigint, blocks: Block[]): Promise<Block | null> {
  const first = await encodedWriteSet(clients, version);
  for (const block of blocks) {
    if (block.answer !== null || first === null) continue;
    const sent = block.transactions[0];
    if (sent === undefined || writeSetText(sent) !== first) continue;
    let whole = true;
    for (let index = 1; index < block.transactions.length; index++) {
      const there = await encodedWriteSet(clients, version + BigInt(index));
      whole &&= there === writeSetText(block.transactions[index] ?? []);
    }
    if (whole) return block;
  }
  return null;
}

async function encodedWriteSet(clients: Clients, version: bigint): Promise<string | null> {
  try {
    const answer = await unary<storage.GetTransactionRequest, storage.GetTransactionResponse>(
      clients.storage,
      clients.storage.getTransaction,
      { version, logVersion: undefined },
    );
    const writes: Write[] = (answer.transaction?.writeSet ?? []).map(({ op }) =>
      op?.$case === "put" ? [op.value.key, op.value.value] : [op?.value ?? Buffer.alloc(0), null],
    );
    return writeSetText(writes);
  } catch {
    return null;
  }
}

function writeSetText(writes: readonly Write[]): string {
  return writes
    .map(([key, value]) => `${key.toString()}=${value === null ? "-" : `+${value.toString()}`}`)
    .sort()
    .join("\n");
}

async function compareRoot(clients: Clients, blocks: readonly Block[]): Promise<void> {
  const model = new StateModel();
  const ordered = [...blocks].sort((a, b) =>
    Number((a.answer?.firstVersion ?? 0n) - (b.answer?.firstVersion ?? 0n)),
  );
  for (const block of ordered) for (const writes of block.transactions) model.apply(writes);
  const state = await dbState(clients);
  assert.equal(state.stateRoot.toString("hex"), model.root().toString("hex"));
  assert.equal(state.items, BigInt(model.size));
}

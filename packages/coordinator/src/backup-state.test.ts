// Goal: what a backup decides before its first tile. Method: an archive written straight into a
// folder, and a fake store whose log goes on from it.
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { temporaryDirectory } from "@holdfast/testing";
import type { BackupOptions } from "./backup-options.js";
import { backupState } from "./backup-state.js";
import { type FakeStoreOptions, fakeStore } from "./test-support/fake-store.js";
import { stateOf, WrittenArchive } from "./test-support/written-archive.js";

const states = [0, 1, 2, 3].map((version) => ({ ...stateOf(60, "value"), key: `${version}` }));

/** Which manifest, counted from the oldest, gets another character where a text in it begins. */
interface Damage {
  readonly snapshot: number;
  readonly at: string;
}

async function damage(archive: string, { snapshot, at }: Damage): Promise<void> {
  const folder = join(archive, "snapshots");
  const file = join(folder, (await readdir(folder)).sort()[snapshot] ?? "");
  const bytes = await readFile(file);
  const place = bytes.lastIndexOf(at) + at.length;
  assert.ok(place > at.length);
  bytes[place] = bytes[place] === 0x30 ? 0x31 : 0x30;
  await writeFile(file, bytes);
}

/** Backs up a store of four versions into an archive that holds the first `snapshots`, as a chain. */
async function backUp(
  snapshots: number,
  options: Partial<BackupOptions>,
  store: FakeStoreOptions & { readonly otherFrom?: number; readonly damage?: Damage } = {},
): Promise<{ streams: readonly string[]; notices: readonly string[]; error: unknown }> {
  await using folder = await temporaryDirectory();
  const ledger = await WrittenArchive.create(join(folder.path, "ledger"));
  const held = await WrittenArchive.create(join(folder.path, "archive"));
  for (const [version, state] of states.entries()) {
    const isOther = version >= (store.otherFrom ?? states.length);
    await ledger.full(isOther ? { ...state, other: "line" } : state);
    if (version < snapshots) await (version === 0 ? held.full(state) : held.delta(state));
  }
  await using fake = await fakeStore(ledger, store);
  const { location: archive } = held.archive;
  if (store.damage !== undefined) await damage(archive, store.damage);
  const notices: string[] = [];
  const error = await backupState(
    { archive, full: false, prove: false, ...options },
    { ...fake.job, onNotice: (text) => notices.push(text) },
  ).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { streams: fake.streams, notices, error };
}

test("length and weight of a chain are options; what is not given keeps its default", async () => {
  const heavy = { weightShare: 100 };
  for (const [chain, expected] of [
    [heavy, "delta"],
    [{ ...heavy, deltasMax: 3 }, "delta"],
    [{ ...heavy, deltasMax: 2 }, "full"],
    [{ weightShare: 0 }, "full"],
  ] as const) {
    const { streams } = await backUp(3, { chain });
    assert.deepEqual(streams, [expected], JSON.stringify(chain));
  }
});

test("an older version is taken only of the line whose newest the archive holds", async () => {
  // Of an archive that holds versions 0 to 3; the newest is asked for, too.
  const asked: (bigint | undefined)[] = [];
  const older = await backUp(
    4,
    { version: 1n, full: true },
    {
      onRootProof: ({ version }) => asked.push(version),
    },
  );
  assert.deepEqual([older.streams, asked], [["full"], [1n, 3n]]);
  const other = await backUp(4, { version: 1n, full: true }, { otherFrom: 2 });
  assert.ok(other.error instanceof HoldfastError);
  assert.deepEqual([other.error.reason, other.streams], ["PROOF_INVALID", []]);
  assert.match(other.error.message, /version 3: it is another line/);
});

test("a store that is behind the archive is not backed up into it", async () => {
  const { error, streams } = await backUp(4, {}, { states: [{ committedVersion: 2n }] });
  assert.ok(error instanceof HoldfastError);
  assert.deepEqual([error.reason, streams], ["VERSION_NOT_COMMITTED", []]);
  assert.match(error.message, /has version 3 of this history, the store only 2: /);
});

test("an archive that another backup brought further in between is not ahead of the store", async () => {
  const { streams, notices } = await backUp(3, {}, { states: [{ committedVersion: 1n }, {}] });
  assert.deepEqual([streams, notices], [["delta"], []]);
});

test("a restore that comes before the lease lets the backup begin anew", async () => {
  const other = { histories: [{ historyId: Buffer.alloc(16, 0xbb), forkVersion: undefined }] };
  const { streams, notices } = await backUp(3, {}, { states: [other, {}] });
  assert.deepEqual(streams, ["delta"]);
  assert.equal(notices.length, 1);
  assert.match(notices[0] ?? "", /restore was published .* begins anew/);
});

test("a store that cannot show what the archive holds says what to do", async () => {
  const notKept = (version: bigint): HoldfastError =>
    new HoldfastError("VERSION_PRUNED", `Version ${version} is not kept; the oldest is 3.`, {
      metadata: { version: `${version}`, oldest: "3" },
    });
  for (const options of [{}, { full: true }]) {
    const { streams, error } = await backUp(2, options, {
      onRootProof: ({ extendsVersion }) => {
        if (extendsVersion !== undefined) throw notKept(extendsVersion);
      },
    });
    assert.deepEqual(streams, []);
    assert.ok(error instanceof HoldfastError);
    assert.equal(error.reason, "VERSION_PRUNED");
    assert.match(
      error.message,
      /snapshot, version 1: a restore .* Use the archive it was restored/,
    );
    assert.deepEqual(error.metadata, { version: "1", oldest: "3" });
  }
  const pruned = await backUp(
    1,
    { version: 2n },
    {
      onRootProof: ({ version }) => {
        throw notKept(version ?? 0n);
      },
    },
  );
  assert.ok(pruned.error instanceof HoldfastError);
  assert.match(pruned.error.message, /^Version 2 is not kept; .* Back up a newer version\.$/);
});

test("a damaged manifest is left out, wherever the damage is and whatever it claims", async () => {
  const proofs: (bigint | undefined)[] = [];
  for (const at of ['"chunk":"', '"log_root":"', '"version":', '"sha256":"', '"items":']) {
    for (const snapshot of [0, 1, 2]) {
      const { streams, notices, error } = await backUp(
        3,
        {},
        {
          damage: { snapshot, at },
          onRootProof: ({ extendsVersion }) => proofs.push(extendsVersion),
        },
      );
      const what = `${at} of ${snapshot}`;
      // The store of this test gives no tile.
      assert.ok(error instanceof HoldfastError && error.reason === "STORE_EMPTY", what);
      const left = notices.filter((notice) => notice.includes("is damaged and left out"));
      assert.ok(left.length > 0, what);
      // A full one that was begun on a false claim, and is as good as another, is gone on with.
      if (at === '"version":') continue;
      // The newest that is left has a whole chain below it only where the newest was damaged.
      assert.equal(streams.at(-1), snapshot === 2 ? "delta" : "full", what);
    }
  }
  assert.ok(proofs.includes(1n), "the log goes on from the newest that is whole");
});

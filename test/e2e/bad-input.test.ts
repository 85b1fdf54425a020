// Goal: bad input gets a clear error with the right reason and exit code, and nothing is lost.
// Method: real processes, the CLI and generated clients.
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { lease, type restore, storage } from "@holdfast/api";
import { HoldfastError, limits } from "@holdfast/core";
import { fromServiceError } from "@holdfast/rpc";
import { temporaryDirectory } from "@holdfast/testing";
import {
  acquire,
  type Clients,
  clientsOf,
  commit,
  dbState,
  unary,
  type Write,
} from "../support/clients.js";
import { type CliResult, cli, cliJson, startGateway, startStorage } from "../support/processes.js";
import { ROOT } from "../support/repository.js";

const LAUNCHER = join(ROOT, "services/storage/bin/holdfast-storage.cjs");

/** Insists that the promise is refused with this reason. */
async function refused(promise: Promise<unknown>, reason: string, what: string): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof HoldfastError, `${what}: ${error}`);
    assert.equal(error.reason, reason, `${what}: ${error.message}`);
    assert.ok(error.message.length > 10, `${what}: the message says what to do`);
    return true;
  });
}

function failure(result: CliResult): { reason: string; message: string } {
  return result.json["error"] as { reason: string; message: string };
}

test("requests out of their limits", async (context) => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  const clients = clientsOf(store.listen);
  await commit(clients, [[["a", "0"]], [["a", "1"]]]);
  const before = await dbState(clients);

  const writes: readonly (readonly [string, readonly Write[], string])[] = [
    ["an empty key", [["", "value"]], "INVALID_REQUEST"],
    ["a key too long", [["k".repeat(limits.KEY_BYTES_MAX + 1), "v"]], "INVALID_REQUEST"],
    ["a value too long", [["k", Buffer.alloc(limits.VALUE_BYTES_MAX + 1)]], "INVALID_REQUEST"],
    [
      "a key twice",
      [
        ["k", "1"],
        ["k", null],
      ],
      "INVALID_REQUEST",
    ],
    [
      "a transaction too large",
      Array.from({ length: 3 }, (_, key) => [`k${key}`, Buffer.alloc(750_000)] as const),
      "INVALID_REQUEST",
    ],
  ];
  for (const [what, transaction, reason] of writes) {
    await context.test(what, () =>
      refused(commit(clients, [[["ok", "1"]], transaction]), reason, what),
    );
  }
  await context.test("no transaction", () =>
    refused(commit(clients, []), "INVALID_REQUEST", "block"),
  );
  await context.test("too many transactions", () =>
    refused(
      commit(
        clients,
        Array.from({ length: limits.BLOCK_TRANSACTIONS_MAX + 1 }, () => []),
      ),
      "INVALID_REQUEST",
      "block",
    ),
  );
  await context.test("a block too large", async () => {
    const transaction: Write[] = [["k", Buffer.alloc(limits.VALUE_BYTES_MAX)]];
    const block = commit(clients, [
      transaction,
      transaction,
      transaction,
      transaction,
      transaction,
    ]);
    await assert.rejects(block, (error: unknown) => {
      assert.ok(error instanceof HoldfastError);
      assert.ok(["MESSAGE_TOO_LARGE", "INVALID_REQUEST"].includes(error.reason), error.reason);
      return true;
    });
  });
  await context.test("a request id too long", () =>
    refused(
      commit(clients, [[["k", "v"]]], { requestId: "r".repeat(65) }),
      "INVALID_REQUEST",
      "id",
    ),
  );
  await context.test("a request id used for another body", async () => {
    const first = await commit(clients, [[["id", "1"]]], { requestId: "one" });
    const again = await commit(clients, [[["id", "1"]]], { requestId: "one" });
    assert.equal(again.committedVersion, first.committedVersion);
    assert.equal(again.repeatedRequest, true);
    await refused(
      commit(clients, [[["id", "2"]]], { requestId: "one" }),
      "REQUEST_ID_REUSED",
      "request id",
    );
  });
  await context.test("an expected version that is not", () =>
    refused(
      commit(clients, [[["k", "v"]]], { expectedFirstVersion: 99n }),
      "VERSION_MISMATCH",
      "version",
    ),
  );

  const read = (version: bigint | undefined, withProof: boolean, key = "a") =>
    unary<storage.GetStateRequest, storage.GetStateResponse>(
      clients.storage,
      clients.storage.getState,
      { key: Buffer.from(key), version, withProof, proofFormat: storage.ProofFormat.STATE_PROOF },
    );
  await context.test("versions", async () => {
    assert.equal((await read(0n, false)).value?.toString(), "0");
    await refused(read(99n, false), "VERSION_NOT_COMMITTED", "unknown version");
    await refused(read(0n, true), "NOT_A_CHECKPOINT", "proof inside a block");
    await refused(read(undefined, false, ""), "INVALID_REQUEST", "empty key");
    await refused(listState(clients, "nonsense"), "PAGE_TOKEN_INVALID", "page token");
    await unary<storage.PruneRequest, storage.PruneResponse>(
      clients.storage,
      clients.storage.prune,
      {
        oldestStateVersion: 2n,
        oldestTransactionVersion: 2n,
        oldestJournalVersion: 2n,
      },
    );
    await refused(read(0n, false), "VERSION_PRUNED", "pruned version");
  });
  assert.deepEqual((await dbState(clients)).ledgerId, before.ledgerId);
  assert.equal((await read(undefined, false)).value?.toString(), "1", "nothing was lost");
  clients.close();
});

function listState(clients: Clients, pageToken: string): Promise<storage.ListStateResponse> {
  return unary(clients.storage, clients.storage.listState, {
    version: undefined,
    pageSize: 10,
    pageToken,
  });
}

test("an empty store, and a stream without lease", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const status = await cliJson(["--storage", store.listen, "status"]);
  assert.equal(status["committed_version"], null);
  assert.equal(
    status["state_root"],
    Buffer.from("SPARSE_MERKLE_PLACEHOLDER_HASH__").toString("hex"),
  );
  assert.equal(
    status["log_root"],
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
  const archive = join(folder.path, "archive");
  const backup = await cli([
    ...["--json", "--gateway", gateway.listen],
    ...["backup", "state", "--archive", archive],
  ]);
  assert.equal(backup.code, 1, backup.stdout + backup.stderr);
  assert.equal(failure(backup).reason, "STORE_EMPTY");
});

test("a data directory that is locked", async () => {
  await using folder = await temporaryDirectory();
  const data = join(folder.path, "data");
  await using _store = await startStorage(data);
  assert.match(failedStart(data), /lock/i);
});

test("data files that are damaged", async (context) => {
  await using folder = await temporaryDirectory();
  const whole = join(folder.path, "whole");
  await fill(whole);
  assert.equal(fsck(whole).code, 0);
  const damaged = async (name: string, damage: (bytes: Buffer) => Buffer): Promise<string> => {
    const data = join(folder.path, name);
    await cp(whole, data, { recursive: true });
    const file = join(data, "generations", "1", "data.mdb");
    await writeFile(file, damage(await readFile(file)));
    return data;
  };

  await context.test("a page of rows: named, and only who needs it fails", async () => {
    const data = await damaged("page", (bytes) => withoutPagesOf(bytes, VALUE));
    const { code, stdout } = fsck(data);
    assert.equal(code, 3, stdout);
    const hash = createHash("sha256").update("key 7").digest("hex");
    assert.match(stdout, new RegExp(`^state: the row of ${hash} .*corrupt$`, "m"));
    assert.match(stdout, /^\d+ findings$/m);
    await using store = await startStorage(data);
    await using gateway = await startGateway(store.listen);
    const [from, archive] = [["--storage", store.listen], join(folder.path, "archive")];
    for (const args of [
      [...from, "get", "key 7"],
      [...from, "get", "key 7", "--proof"],
      ["--gateway", gateway.listen, "backup", "state", "--archive", archive],
    ]) {
      const result = await cli(["--json", ...args]);
      assert.equal(result.code, 3, result.stdout + result.stderr);
      assert.equal(failure(result).reason, "ROW_CORRUPT", `${args}`);
    }
    assert.deepEqual((await cliJson(["archive", "ls", "--archive", archive]))["snapshots"], []);
    assert.equal((await cliJson([...from, "get", "other", "--proof"]))["found"], true);
  });

  await context.test("a bit of a value: found, and never proved", async () => {
    const data = await damaged("bit", (bytes) => {
      for (let at = bytes.indexOf(VALUE); at >= 0; at = bytes.indexOf(VALUE, at + 1)) {
        bytes[at] = (bytes[at] ?? 0) ^ 1;
      }
      return bytes;
    });
    const { code, stdout } = fsck(data);
    assert.equal(code, 3, stdout);
    assert.match(stdout, /^state: the row of [0-9a-f]{64} is not what its leaf says$/m);
    await using store = await startStorage(data);
    const result = await cli(["--json", "--storage", store.listen, "get", "key 7", "--proof"]);
    assert.equal(result.code, 3, result.stdout + result.stderr);
  });

  await context.test("the head, or all of it: not served", async () => {
    for (const [name, damage] of [
      ["head", (bytes: Buffer) => bytes.fill(0, 0, PAGE_BYTES)],
      ["nothing", () => Buffer.alloc(0)],
    ] as const) {
      const data = await damaged(name, damage);
      assert.match(failedStart(data), /^holdfast-storage could not start: The store is damaged: /);
      const { code, stdout } = fsck(data);
      assert.equal(code, 3, stdout);
      assert.match(stdout, /^environment: The store is damaged: /);
    }
  });

  await context.test("the end is cut off: the check outlives it", async () => {
    const data = await damaged("end", (bytes) => bytes.subarray(0, bytes.length >> 1));
    const { code, stdout } = fsck(data);
    assert.equal(code, 3, stdout);
    assert.match(stdout, /^environment: it cannot be read to its end/m);
  });
});

const PAGE_BYTES = 4_096;
/** A value that stands nowhere else in the store's data file. */
const VALUE = "a value like no other";

/** Makes a store of a few hundred keys. */
async function fill(data: string): Promise<void> {
  await using store = await startStorage(data);
  const clients = clientsOf(store.listen);
  const puts = Array.from({ length: 300 }, (_, key): Write => [`key ${key}`, `value ${key}`]);
  await commit(clients, [puts, [["other", "value"]], [["key 7", VALUE]]]);
  clients.close();
  await store.end("SIGTERM");
}

/** Zeros in place of all pages in which a text begins. */
function withoutPagesOf(bytes: Buffer, text: string): Buffer {
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text)) {
    const page = Math.floor(at / PAGE_BYTES) * PAGE_BYTES;
    bytes.fill(0, page, page + PAGE_BYTES);
  }
  return bytes;
}

/** Checks a stopped store; nothing it prints is a stack. */
function fsck(data: string): { readonly code: number | null; readonly stdout: string } {
  const { status, stdout, stderr } = launch(["fsck", "--data-dir", data]);
  assert.doesNotMatch(stdout + stderr, /^ +at /m);
  return { code: status, stdout };
}

/** Starts storage, which has to fail; answers the last line it printed on stderr. */
function failedStart(data: string): string {
  const free = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const { status, stderr } = launch(["--data-dir", data, ...free]);
  assert.equal(status, 1, stderr);
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

function launch(args: readonly string[]): SpawnSyncReturns<string> {
  const options = { encoding: "utf8", timeout: 30_000, killSignal: "SIGKILL" } as const;
  return spawnSync(process.execPath, [LAUNCHER, ...args], options);
}

test("restores that are refused", async (context) => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  await using other = await startStorage(join(folder.path, "other"));
  await using otherGateway = await startGateway(other.listen);
  const clients = clientsOf(store.listen);
  await commit(clients, [[["a", "1"]]]);
  const archive = join(folder.path, "archive");
  await cliJson(["--gateway", gateway.listen, "backup", "state", "--archive", archive]);
  await commit(clients, [[["a", "2"]]]);

  await context.test("over a store that holds more", async () => {
    const result = await cli([
      "--json",
      "--gateway",
      gateway.listen,
      "restore",
      "--archive",
      archive,
    ]);
    assert.equal(result.code, 1);
    assert.equal(failure(result).reason, "LIVE_STATE_WOULD_BE_LOST");
  });
  await context.test("into another ledger, even with --replace", async () => {
    const foreign = clientsOf(other.listen);
    await commit(foreign, [[["b", "1"]]]);
    const args = ["--json", "--gateway", otherGateway.listen, "restore", "--archive", archive];
    const result = await cli([...args, "--replace"]);
    assert.equal(result.code, 1, result.stdout);
    assert.equal(failure(result).reason, "LEDGER_MISMATCH");
    foreign.close();
  });
  await context.test("a backup of another ledger into the archive", async () => {
    const args = ["--json", "--gateway", otherGateway.listen, "backup", "state"];
    const result = await cli([...args, "--archive", archive]);
    assert.equal(result.code, 1, result.stdout);
    assert.equal(failure(result).reason, "LEDGER_MISMATCH");
  });
  await context.test("from a folder that is no archive", async () => {
    const empty = join(folder.path, "empty");
    await mkdir(empty);
    await writeFile(join(empty, "notes.txt"), "mine");
    for (const command of [["restore"], ["backup", "state"], ["verify"], ["archive", "ls"]]) {
      const args = ["--json", "--gateway", gateway.listen, ...command, "--archive", empty];
      const result = await cli(args);
      assert.equal(result.code, 1, `${command}: ${result.stdout}`);
      assert.match(failure(result).message, /archive/i);
    }
    assert.equal(await readFile(join(empty, "notes.txt"), "utf8"), "mine");
  });
  await context.test("a tile that does not verify", () => wrongTile(clients));
  clients.close();
});

async function wrongTile(clients: Clients): Promise<void> {
  const held = await acquire(clients, lease.LeaseKind.EXCLUSIVE);
  await refused(
    new Promise((resolve, reject) => {
      const call = clients.restore.uploadStateTiles((error, answer) =>
        error === null ? resolve(answer) : reject(fromServiceError(error)),
      );
      const head: restore.UploadStateTilesRequest = {
        part: {
          $case: "head",
          value: { sessionId: "none", leaseId: held.leaseId, fencingToken: held.fencingToken },
        },
      };
      call.on("error", () => undefined);
      call.write(head);
      call.end();
    }),
    "SESSION_UNKNOWN",
    "an upload without session",
  );
  await unary(clients.lease, clients.lease.releaseLease, { leaseId: held.leaseId });
}

test("NDJSON with a bad line commits nothing of its block", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  const lines = Array.from({ length: 25 }, (_, index) =>
    JSON.stringify({ key: `k${index}`, value: "v" }),
  );
  lines[17] = '{"key": "k17", "value": 5}';
  const result = await cli(
    ["--json", "--storage", store.listen, "import", "--block-size", "10", "-"],
    `${lines.join("\n")}\n`,
  );
  assert.equal(result.code, 1, result.stdout);
  assert.match(failure(result).message, /\b18\b/, "names the line");
  const status = await cliJson(["--storage", store.listen, "status"]);
  assert.equal(status["items"], 10, "the first block, and nothing of the second");
});

test("command lines that are wrong exit 2", async () => {
  for (const args of [["nonsense"], ["get"], ["backup", "state"], ["status", "--no-such-flag"]]) {
    const result = await cli(args);
    assert.equal(result.code, 2, `${args}: ${result.stderr}`);
  }
});

test("nobody there exits 6", async () => {
  const result = await cli(["--json", "--storage", "127.0.0.1:1", "--retry-for", "0s", "status"]);
  assert.equal(result.code, 6, result.stdout + result.stderr);
});

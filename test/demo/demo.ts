// The main job on real data, start to end; what `make demo` runs. Exits non-zero if a root differs.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accountChanges, genesisAllocation, ndjson } from "../support/ledger-data.js";
import {
  cliJson,
  type Service,
  startCli,
  startGateway,
  startStorage,
} from "../support/processes.js";

const started = performance.now();
const folder = await mkdtemp(join(tmpdir(), "holdfast-demo-"));
const services: Service[] = [];

try {
  await demo();
} catch (error) {
  for (const service of services) {
    for (const line of service.log.filter((text) => text.includes('"level":50'))) say(line);
  }
  throw error;
} finally {
  for (const service of services) await service.end("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}

async function demo(): Promise<void> {
  const archive = join(folder, "archive");
  say("Two services on free ports, data in a temporary folder.");
  let storage = await startStorage(join(folder, "source"));
  services.push(storage);
  const gateway = await startGateway(storage.listen);
  services.push(gateway);
  const toStorage = (): string[] => ["--storage", storage.listen];
  const toGateway = ["--gateway", gateway.listen];
  say(`storage ${storage.listen}, gateway ${gateway.listen}`, 1);

  say("Commit Ethereum's mainnet genesis allocation, one transaction for each account.");
  const accounts = genesisAllocation();
  await step("import", [...toStorage(), "import", "-"], ndjson(accounts));
  await step(
    "3,000 changes",
    [...toStorage(), "import", "-"],
    ndjson(accountChanges(accounts, 3_000, 1)),
  );
  const first = await cliJson([...toStorage(), "status"]);
  say(`version ${first["committed_version"]}, ${first["items"]} accounts`, 1);
  say(`state root ${first["state_root"]}`, 1);
  say(`log root   ${first["log_root"]}`, 1);

  say("First backup: a full snapshot, every tile proved against the root.");
  const full = await step("backup", [...toGateway, "backup", "state", "--archive", archive]);
  assert.equal(
    full["state_root"],
    first["state_root"],
    "the backup has another root than the store",
  );
  const fullBytes = await folderBytes(archive);
  say(`archive: ${bytes(fullBytes)}`, 1);

  say("100 accounts change. Second backup: a delta, proved whole against both roots.");
  await step(
    "100 changes",
    [...toStorage(), "import", "-"],
    ndjson(accountChanges(accounts, 100, 2)),
  );
  const delta = await step("backup", [...toGateway, "backup", "state", "--archive", archive]);
  assert.equal(delta["kind"], "delta");
  const deltaBytes = (await folderBytes(archive)) - fullBytes;
  const share = ((100 * deltaBytes) / fullBytes).toFixed(1);
  say(`archive grew by ${bytes(deltaBytes)}: ${share} % of the first backup`, 1);

  say("kill -9 of storage in the middle of commits, restart, the same import once more.");
  const many = ndjson(accountChanges(accounts, 60_000, 3));
  const before = await committed(toStorage());
  const run = startCli([...toStorage(), "--json", "import", "--block-size", "200", "-"], many);
  while ((await committed(toStorage())) < before + 5_000) await ended(run.process.exitCode);
  await storage.end("SIGKILL");
  run.process.kill("SIGINT");
  await run.result;
  const restart = performance.now();
  storage = await startStorage(join(folder, "source"), [], storage.listen);
  services.push(storage);
  say(`restarted in ${seconds(restart)}; nothing to repair`, 1);
  const survived = await committed(toStorage());
  say(`${survived - before} of 60,000 transactions were durable when it was killed`, 1);
  await step("import again", [...toStorage(), "import", "--block-size", "200", "-"], many);
  const after = await committed(toStorage());
  assert.equal(after, before + 60_000, "the rerun lost or repeated transactions");
  say("the rerun committed the rest and nothing twice", 1);

  say("Third backup, then verify every byte and every proof of the archive.");
  await step("backup", [...toGateway, "backup", "state", "--archive", archive]);
  const verify = await step("verify", ["verify", "--archive", archive]);
  say(`verified: ${JSON.stringify(verify)}`, 1);

  say("Restore into a second, empty pair of services.");
  const target = await startStorage(join(folder, "target"));
  services.push(target);
  const targetGateway = await startGateway(target.listen);
  services.push(targetGateway);
  await step("restore", ["--gateway", targetGateway.listen, "restore", "--archive", archive]);
  const live = await cliJson([...toStorage(), "status"]);
  const restored = await cliJson(["--storage", target.listen, "status"]);
  for (const root of ["committed_version", "items", "state_root", "log_root"]) {
    say(`${root.padEnd(18)} ${live[root]}`, 1);
    say(`${"restored".padEnd(18)} ${restored[root]}`, 1);
    assert.equal(restored[root], live[root], `${root} differs`);
  }
  say(`Both stores are the same, root for root. ${seconds(started)} in all.`);
}

async function step(
  name: string,
  args: readonly string[],
  input?: string,
): Promise<Record<string, unknown>> {
  const start = performance.now();
  const result = await cliJson(args, input);
  say(`${name}: ${seconds(start)}`, 1);
  return result;
}

async function committed(toStorage: readonly string[]): Promise<number> {
  const status = await cliJson([...toStorage, "status"]);
  return Number(status["committed_version"] ?? -1);
}

async function ended(exitCode: number | null): Promise<void> {
  assert.equal(exitCode, null, "the import ended before storage was killed");
}

async function folderBytes(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

function bytes(count: number): string {
  return count < 2 ** 20
    ? `${(count / 2 ** 10).toFixed(0)} KiB`
    : `${(count / 2 ** 20).toFixed(1)} MiB`;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function say(line: string, indent = 0): void {
  process.stdout.write(`${indent === 0 ? "\n" : "  "}${line}\n`);
}

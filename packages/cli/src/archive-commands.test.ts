// Goal: what scripts rely on of the archive commands: one object, names, exit codes; and that
// damage matters only to those who need what is damaged. Method: an archive of three snapshots.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { type CliResult, cli, startCli, startPair } from "./test-support/services.js";

test("the commands of an archive, whole and damaged", async (context) => {
  await using folder = await temporaryDirectory();
  const whole = join(folder.path, "whole");
  const names = await threeSnapshots(join(folder.path, "data"), whole);
  const [first, second, third] = names;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);

  await context.test("every command prints one object with plain names", async () => {
    for (const args of [
      ["archive", "ls"],
      ["archive", "show"],
      ["archive", "show", first, "--tiles"],
      ["archive", "diff", first, third],
      ["archive", "compact"],
      ["archive", "gc"],
      ["verify"],
    ]) {
      const json = await cli([...args, "--archive", whole]);
      assert.equal(json.error, undefined, args.join(" "));
      for (const name of namesIn(json)) assert.match(name, /^[a-z0-9_]+$/, args.join(" "));
    }
  });

  await context.test("people are told of one snapshot, and of two snapshots", async () => {
    const told = async (...args: string[]): Promise<string> =>
      (await startCli([...args, "--archive", whole]).result).stdout;
    const listed = await told("archive", "ls");
    for (const items of ["1 item", "2 items", "3 items"]) {
      assert.ok(listed.includes(`, ${items}, `), listed);
    }
    assert.match(await told("archive", "show", first), /stored +1 tile, 1 chunk, /);
    assert.match(await told("verify"), /: 3 snapshots, \d+ tiles proved, /);
    assert.match(await told("archive", "gc"), /^removed 0 leftovers, /);
  });

  await context.test("ls lists what is whole, names what is damaged, and exits 3", async () => {
    const archive = await damagedCopy(whole, join(folder.path, "ls"), second);
    const json = await cli(["archive", "ls", ...archive], { code: 3 });
    const file = `snapshots/${second}.jsonl`;
    assert.deepEqual(
      [json.error.reason, json.error.code, json.error.metadata],
      ["DAMAGED", "DATA_LOSS", { file, snapshot: second }],
    );
    const listed = json.snapshots.map(({ name }: { name: string }) => name);
    assert.ok(listed.includes(first) && listed.includes(third) && !listed.includes(second));
    assert.deepEqual(json.damage[0].file, file);
    const people = await startCli(["archive", "ls", ...archive]).result;
    assert.equal(people.code, 3);
    assert.ok(people.stdout.includes(first) && people.stdout.includes(`${file}: `), people.stdout);
  });

  await context.test(
    "a snapshot of a newer format is named, and in nobody else's way",
    async () => {
      const location = join(folder.path, "newer");
      const archive = ["--archive", location];
      await cp(whole, location, { recursive: true });
      const newer = await makeNewer(location, second);
      const file = `snapshots/${newer}.jsonl`;
      const json = await cli(["archive", "ls", ...archive], { code: 1 });
      assert.equal(json.error.reason, "ARCHIVE_FORMAT_NEWER");
      assert.equal(json.error.metadata.file, file);
      assert.deepEqual(json.newer, [{ file, format: 2 }]);
      const listed = json.snapshots.map(({ name }: { name: string }) => name);
      assert.ok(listed.includes(first) && listed.includes(third) && !listed.includes(newer));
      const people = await startCli(["archive", "ls", ...archive]).result;
      assert.ok(people.stdout.includes(first), people.stdout);
      assert.match(people.stdout, new RegExp(`${file} has format 2, .* use a newer one`));
      assert.match(
        people.stderr,
        /Not listed: 1 snapshot of a newer format\. Use a newer Holdfast\./,
      );
      assert.equal((await cli(["archive", "show", ...archive])).name, third);
      assert.equal((await cli(["archive", "diff", first, third, ...archive])).puts, 2);
      const { error } = await cli(["archive", "show", newer, ...archive], { code: 1 });
      assert.equal(error.reason, "ARCHIVE_FORMAT_NEWER");
    },
  );

  await context.test(
    "verify checks all but a newer one, names it, and does not exit 0",
    async () => {
      const location = join(folder.path, "verify newer");
      const archive = ["--archive", location];
      await cp(whole, location, { recursive: true });
      const file = `snapshots/${await makeNewer(location, second)}.jsonl`;
      const json = await cli(["verify", ...archive], { code: 1 });
      assert.deepEqual(
        [json.error.reason, json.error.metadata.file],
        ["ARCHIVE_FORMAT_NEWER", file],
      );
      assert.deepEqual(json.newer, [{ file, format: 2 }]);
      assert.deepEqual([json.snapshots, json.findings, json.damage], [2, 0, []]);
      const people = await startCli(["verify", ...archive]).result;
      assert.match(people.stdout, new RegExp(`${file} has format 2, .* use a newer one`));
      assert.match(
        people.stderr,
        /Not verified: 1 snapshot of a newer format\. The rest is whole: 2 /,
      );
      await damagedCopy(location, join(folder.path, "verify both"), first);
      const both = await cli(["verify", "--archive", join(folder.path, "verify both")], {
        code: 3,
      });
      assert.equal(both.error.reason, "DAMAGED");
      assert.deepEqual(both.newer, [{ file, format: 2 }]);
      assert.equal(both.damage[0].snapshot, first);
    },
  );

  await context.test("people are told of each damaged place once", async () => {
    const archive = await damagedCopy(whole, join(folder.path, "once"), second);
    for (const args of [["archive", "ls"], ["verify"]]) {
      const { damage } = await cli([...args, ...archive], { code: 3 });
      const { stdout, stderr } = await startCli([...args, ...archive]).result;
      for (const { file, message } of damage) {
        const parts = `${stdout}${stderr}`.split(`${file}: ${message}`);
        assert.equal(parts.length, 2, `${stdout}${stderr}`);
      }
    }
  });

  await context.test("show and diff need what they name", async () => {
    const archive = await damagedCopy(whole, join(folder.path, "show"), second);
    assert.equal((await cli(["archive", "show", first, ...archive])).name, first);
    // By its version: the damaged one begins alike.
    assert.equal((await cli(["archive", "show", "0", ...archive])).name, first);
    const { code, stderr } = await show(third, archive);
    assert.equal(code, 0);
    assert.match(stderr, /is damaged and left out/);
    const { puts } = await cli(["archive", "diff", first, third, ...archive]);
    assert.equal(puts, 2);
    for (const args of [
      ["show", second],
      ["show", "1"],
      ["diff", first, second],
    ]) {
      const { error } = await cli(["archive", ...args, ...archive], { code: 3 });
      assert.equal(error.reason, "DAMAGED", args.join(" "));
    }
  });

  await context.test("show without a name never shows an older one in its place", async () => {
    const archive = await damagedCopy(whole, join(folder.path, "newest"), third);
    assert.equal((await cli(["archive", "show", ...archive], { code: 3 })).error.reason, "DAMAGED");
  });
});

/** Names of the snapshots of three versions: a full one each, of one key more each. */
async function threeSnapshots(dataDir: string, location: string): Promise<readonly string[]> {
  await using pair = await startPair(dataDir);
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const names: string[] = [];
  for (const key of ["a", "b", "c"]) {
    await cli([...to, "import", "-"], { input: JSON.stringify({ key, value: "v" }) });
    const backup = ["backup", "state", "--full", "--archive", location];
    names.push((await cli([...to, ...backup])).name);
  }
  return names;
}

/** A copy of an archive in which a bit of one manifest is flipped. */
async function damagedCopy(from: string, to: string, name: string): Promise<readonly string[]> {
  await cp(from, to, { recursive: true });
  const file = join(to, "snapshots", `${name}.jsonl`);
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(file, bytes);
  return ["--archive", to];
}

/** Makes a snapshot one of a later format, with the right digest; answers its new name. */
async function makeNewer(location: string, name: string): Promise<string> {
  const file = (of: string): string => join(location, "snapshots", `${of}.jsonl`);
  const text = (await readFile(file(name), "utf8")).slice(0, -'"}\n'.length - 64);
  const newer = text.replace('{"format":1,', '{"format":2,');
  const digest = createHash("sha256").update(newer).digest("hex");
  const named = name.replace(/[0-9a-f]{16}$/, digest.slice(0, 16));
  await writeFile(file(named), `${newer}${digest}"}\n`);
  await rm(file(name));
  return named;
}

function show(name: string, archive: readonly string[]): Promise<CliResult> {
  return startCli(["archive", "show", name, ...archive]).result;
}

function namesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value);
  return [...own, ...Object.values(value).flatMap(namesIn)];
}

// Goal: the command line itself: usage, help, JSON and bytes. Method: `run` with recorded streams.
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { Archive } from "@holdfast/archive";
import { temporaryDirectory } from "@holdfast/testing";
import { Command } from "commander";
import { bytesForPeople } from "./bytes-for-people.js";
import { createProgress } from "./create-progress.js";
import { parseDuration } from "./duration.js";
import { addGlobalOptions } from "./global-options.js";
import { Interrupted } from "./interrupted.js";
import type { Streams } from "./output.js";
import { toJson } from "./plain.js";
import { counted, ranged } from "./plural.js";
import { run } from "./run.js";

function recorded(): Streams & { out: string; err: string } {
  return {
    out: "",
    err: "",
    stdout(text) {
      this.out += text;
    },
    stderr(text) {
      this.err += text;
    },
  };
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = recorded();
  const code = await run(args, streams, new AbortController().signal);
  return { code, out: streams.out, err: streams.err };
}

test("a wrong command line exits 2 and says why", async () => {
  for (const args of [
    [],
    ["nonsense"],
    ["get"],
    ["get", ""],
    ["get", "--hex", "abc"],
    ["backup", "state"],
    ["backup", "nonsense"],
    ["archive"],
    ["archive", "diff", "--archive", "x", "a"],
    ["archive", "ls", "--archive", ""],
    ["restore", "--archive", "x", "--to-version", "-1"],
    ["status", "--timeout", "soon"],
    ["status", "--storage", "nowhere"],
    ["status", "--progress", "loud"],
    ["import"],
    ["import", "-", "--block-size", "0"],
  ]) {
    const { code, err } = await cli(...args);
    assert.equal(code, 2, `${args}: ${err}`);
    assert.ok(err.length > 0, `${args}`);
  }
});

test("a usage error names the help of the command that was called", async () => {
  for (const [help, ...args] of [
    ["holdfast", "nonsense"],
    ["holdfast get", "get"],
    ["holdfast get", "get", ""],
    ["holdfast backup", "backup", "nonsense"],
    ["holdfast backup state", "backup", "state"],
    ["holdfast archive diff", "archive", "diff", "--archive", "x", "a"],
    ["holdfast status", "status", "--cert", "a.pem"],
  ] as const) {
    const { code, err } = await cli(...args);
    assert.equal(code, 2, err);
    assert.equal(err.trimEnd().split("\n").at(-1), `Try \`${help} --help\`.`, err);
    assert.equal((await cli(...help.split(" ").slice(1), "--help")).code, 0, "it is there");
  }
});

test("credentials that cannot be used are told in a sentence", async () => {
  const pairs = [
    ["--cert", "a.pem"],
    ["--key", "a.pem"],
  ];
  for (const half of pairs) {
    const { code, err } = await cli(...half, "status");
    assert.equal(code, 2, half[0]);
    assert.match(err, /^error: --cert and --key go together/, half[0]);
  }
  for (const args of [
    ["--ca", ""],
    ["--cert", "", "--key", "k"],
  ]) {
    assert.equal((await cli(...args, "status")).code, 2, `${args}`);
  }
  const token = await cli("--token", "two\nlines", "status");
  assert.equal(token.code, 2);
  assert.doesNotMatch(token.err, /two/, "a secret is not printed");
  await using folder = await temporaryDirectory();
  const file = join(folder.path, "no.pem");
  await writeFile(file, "no PEM");
  const { code, out } = await cli("--json", "--cert", file, "--key", file, "status");
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).error.reason, "INVALID_REQUEST");
});

test("with --json a usage error is an object, too", async () => {
  const { code, out } = await cli("--json", "get");
  assert.equal(code, 2);
  assert.equal(JSON.parse(out).error.reason, "USAGE");
  for (const args of [["--json"], ["--json", "archive"]]) {
    const missing = await cli(...args);
    assert.equal(missing.code, 2);
    assert.equal(JSON.parse(missing.out).error.message, "A command is missing.");
  }
});

test("options have their defaults, and a variable each", () => {
  const program = new Command();
  process.env["HOLDFAST_TIMEOUT"] = "7s";
  addGlobalOptions(program);
  program.parse(["--retry-for", "2m"], { from: "user" });
  delete process.env["HOLDFAST_TIMEOUT"];
  assert.deepEqual(program.opts(), {
    storage: "127.0.0.1:7410",
    gateway: ["127.0.0.1:7420"],
    json: false,
    timeout: 7_000,
    retryFor: 120_000,
    progress: "auto",
  });
});

test("HOLDFAST_JSON says yes or no, and the flag wins", async (t) => {
  t.after(() => delete process.env["HOLDFAST_JSON"]);
  const printsJson = async (value: string, ...args: string[]): Promise<boolean> => {
    process.env["HOLDFAST_JSON"] = value;
    const { code, out } = await cli(...args, "archive", "ls", "--archive", "/nowhere/at/all");
    assert.equal(code, 1, value);
    return out.startsWith("{");
  };
  for (const yes of ["true", "1"]) assert.equal(await printsJson(yes), true, yes);
  for (const no of ["false", "0", ""]) {
    assert.equal(await printsJson(no), false, no);
    assert.equal(await printsJson(no, "--json"), true, `${no} and the flag`);
  }
  process.env["HOLDFAST_JSON"] = "perhaps";
  const wrong = await cli("archive", "ls", "--archive", "x");
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /HOLDFAST_JSON is "perhaps", which is neither true nor false/);
  process.env["HOLDFAST_JSON"] = "true";
  const usage = await cli("get");
  assert.equal(usage.code, 2);
  assert.equal(JSON.parse(usage.out).error.reason, "USAGE");
});

test("--help prints all options with their defaults and exits 0", async () => {
  const { code, out } = await cli("--help");
  assert.equal(code, 0);
  for (const part of ["127.0.0.1:7410", "127.0.0.1:7420", "30s", "10m", "HOLDFAST_GATEWAY"]) {
    assert.ok(out.includes(part), part);
  }
  assert.match((await cli("restore", "--help")).out, /--to-version/);
});

test("a failure prints the error object as the last line, options in any place", async () => {
  for (const args of [
    ["--json", "archive", "ls", "--archive", "/nowhere/at/all"],
    ["archive", "ls", "--archive", "/nowhere/at/all", "--json"],
  ]) {
    const { code, out } = await cli(...args);
    assert.equal(code, 1);
    const { error } = JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
    assert.deepEqual(Object.keys(error), [
      "reason",
      "code",
      "message",
      "metadata",
      "retry_after_seconds",
    ]);
    assert.equal(error.reason, "ARCHIVE_NOT_FOUND");
  }
});

test("a command that is told to end does, before it reads or deletes", async () => {
  await using folder = await temporaryDirectory();
  const location = join(folder.path, "archive");
  await Archive.create(location, Buffer.alloc(16));
  await writeFile(join(location, "left.part"), "half");
  const ended = AbortSignal.abort(new Interrupted("SIGTERM"));
  const told = async (...args: string[]): Promise<void> => {
    const streams = recorded();
    const code = await run(["archive", ...args, "--archive", location], streams, ended);
    assert.equal(code, 143, `${args}: ${streams.err}`);
  };
  await told("gc");
  assert.ok((await readdir(location)).includes("left.part"));
  await mkdir(join(location, "snapshots"));
  const name = `${"0".repeat(20)}-full-${"a".repeat(16)}.jsonl`;
  await writeFile(join(location, "snapshots", name), "damaged");
  for (const args of [["ls"], ["show"], ["diff", "0", "1"], ["compact"]]) await told(...args);
});

test("a service that cannot be reached is named, with its address", async () => {
  await using folder = await temporaryDirectory();
  const nowhere = "127.0.0.1:1";
  const archive = join(folder.path, "archive");
  for (const [service, ...args] of [
    ["storage", "status", "--storage", nowhere],
    ["gateway", "backup", "state", "--archive", archive, "--gateway", nowhere],
  ] as const) {
    const { code, err } = await cli(...args, "--retry-for", "0s");
    assert.equal(code, 6, err);
    const [line] = err.split("\n");
    assert.match(
      line ?? "",
      new RegExp(`^holdfast: Cannot reach the ${service} service at ${nowhere}, `),
    );
  }
});

test("a file that cannot be read is named, and why", async () => {
  await using folder = await temporaryDirectory();
  const missing = join(folder.path, "missing");
  for (const [why, ...args] of [
    [`${missing}: there is no such file`, "import", missing],
    [`${folder.path}: it is a folder`, "import", folder.path],
    [`${missing}: there is no such file`, "status", "--ca", missing],
  ] as const) {
    const { code, err } = await cli(...args);
    assert.equal(code, 1, err);
    assert.equal(err, `holdfast: Cannot read ${why}.\n`);
  }
});

test("numbers agree with their nouns", () => {
  assert.deepEqual(
    [0, 1, 2n, 1n].map((count) => counted(count, "tile")),
    ["0 tiles", "1 tile", "2 tiles", "1 tile"],
  );
  assert.equal(ranged("version", 4n, 4n), "version 4");
  assert.equal(ranged("version", 4n, 6n), "versions 4 to 6");
});

test("results as JSON", () => {
  assert.deepEqual(
    toJson({ n: 5n, b: Buffer.from([1, 255]), d: new Date(0), u: undefined, a: [null, true, "x"] }),
    { n: 5, b: "01ff", d: "1970-01-01T00:00:00.000Z", a: [null, true, "x"] },
  );
});

test("durations", () => {
  const cases = { "500ms": 500, "30s": 30_000, "10m": 600_000, "1.5h": 5_400_000, "7": 7_000 };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration(text), ms, text);
  for (const text of ["", "soon", "-1s", "1d", "999999h"]) {
    assert.throws(() => parseDuration(text), text);
  }
});

test("bytes are text when they are", () => {
  assert.equal(bytesForPeople(Buffer.from("grüße")), '"grüße"');
  assert.equal(bytesForPeople(Buffer.from([0, 1])), "0x0001");
  assert.equal(bytesForPeople(Buffer.from([0xff])), "0xff");
});

test("progress as JSON lines", async () => {
  const streams = recorded();
  const progress = await createProgress("json", false, streams);
  progress.phase("backup");
  progress.update({ items: 5, bytes: 500, itemsTotal: 10 });
  progress.stop();
  const lines = streams.err
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).progress);
  assert.equal(lines.at(-1).items, 5);
  assert.equal(lines.at(-1).items_total, 10);
  assert.equal(lines.at(-1).phase, "backup");
});

// Goal: `holdfast` starts from its bundle, which is whole, current, and loads no more than a
// command needs. Method: run it where there is nothing else, and read what it is made of.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rename, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { startGateway, startStorage } from "../support/processes.js";
import { ROOT } from "../support/repository.js";

const CLI = join(ROOT, "packages/cli");
const BUNDLE = join(CLI, "dist/bundle");

const bundled = (file: string): Promise<string> => readFile(join(BUNDLE, file), "utf8");

/** Copies what starts the CLI, without a `node_modules`, and answers how to run the copy. */
async function copyTo(folder: string): Promise<(...args: string[]) => string> {
  await mkdir(join(folder, "dist"), { recursive: true });
  for (const path of ["package.json", "bin", "dist/bundle"]) {
    await cp(join(CLI, path), join(folder, path), { recursive: true });
  }
  return (...args) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(folder, "bin/holdfast.cjs"), ...args],
      { cwd: folder, encoding: "utf8", input: '{"key":"greeting","value":"hello"}\n' },
    );
    return `${status}: ${stdout}${stderr}`;
  };
}

test("every command runs where there is nothing but the bundle", async () => {
  await using folder = await temporaryDirectory();
  const run = await copyTo(join(folder.path, "cli"));
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const services = ["--storage", store.listen, "--gateway", gateway.listen, "--progress", "bar"];
  const archive = ["--archive", join(folder.path, "archive")];

  assert.match(run("--help"), /^0: Usage: holdfast/);
  assert.match(run("archive", "ls", ...archive), /^1: holdfast: There is no folder/);
  assert.match(run(...services, "import", "-"), /^0: Committed 1 transaction in 1 block/);
  assert.match(run(...services, "status"), /^0: ledger /);
  assert.match(run(...services, "get", "greeting", "--proof"), /^0: "hello"\nproved /);
  assert.match(run(...services, "backup", "state", ...archive), /^0: Full snapshot/);
  assert.match(run("archive", "ls", ...archive), /^0: ledger /);
  assert.match(run("archive", "show", ...archive), /^0: /);
  assert.match(run("archive", "compact", ...archive), /^0: Version 0 has a full snapshot already/);
  assert.match(run("archive", "gc", ...archive), /^0: removed 0 leftovers/);
  assert.match(run("archive", "diff", "0", "0", ...archive), /^0: /);
  assert.match(run("verify", ...archive), /^0: All is whole: 1 snapshot, 1 tile proved/);
  assert.match(run(...services, "restore", "--replace", ...archive), /^0: Restored version 0/);
});

test("without a bundle it says what to do", async () => {
  await using folder = await temporaryDirectory();
  const run = await copyTo(folder.path);
  await rename(join(folder.path, "dist"), join(folder.path, "elsewhere"));
  assert.equal(run("--help"), "1: holdfast is not built: run `make build`.\n");
});

test("a command that needs no service loads no transport", async () => {
  const loaded = new Set(["main.js"]);
  for (const file of loaded) {
    const text = await bundled(file);
    const foreign = /^\/\/ .*node_modules\/(?:@grpc|cli-progress)\/.*$/m.exec(text);
    assert.equal(foreign?.[0], undefined, `${file} is loaded by every command`);
    for (const [, next = ""] of text.matchAll(/^(?:\} from|import) "\.\/([^"]+)";$/gm)) {
      loaded.add(next);
    }
  }
  assert.ok(loaded.size >= 2, "the bundle is in parts");
  const files = (await readdir(BUNDLE)).filter((file) => /^service-commands-.*\.js$/.test(file));
  assert.equal(files.length, 1, "an earlier build left nothing");
  const transport = /^\/\/ .*node_modules\/@grpc\/grpc-js\//m;
  assert.ok(transport.test(await bundled(files[0] ?? "")), "the transport is in the bundle");
});

test("the bundle is of the code that was compiled last", async () => {
  const { mtimeMs } = await stat(join(BUNDLE, "main.js"));
  const maps = (await readdir(BUNDLE)).filter((file) => file.endsWith(".js.map"));
  const sources = new Set<string>();
  for (const file of maps) {
    const map = JSON.parse(await bundled(file)) as { readonly sources: readonly string[] };
    for (const source of map.sources) sources.add(relative(ROOT, join(BUNDLE, source)));
  }
  const own = [...sources].filter((path) => path.startsWith("packages/"));
  assert.ok(own.length > 100, `only ${own.length} sources of ours were found`);
  for (const path of own) {
    const compiled = path.replace("/src/", "/dist/").replace(/\.ts$/, ".js");
    const isOlder = (await stat(join(ROOT, compiled))).mtimeMs <= mtimeMs;
    assert.ok(isOlder, `${compiled} is newer than the bundle: run \`make build\``);
  }
});

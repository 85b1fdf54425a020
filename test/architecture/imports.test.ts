// Goal: the import table of docs/architecture.md holds in the code.
// Method: read every import of every source file and look it up in the table.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "node:test";
import { ROOT, sourceFiles } from "../support/repository.js";

/** Which workspace packages each workspace may import; nobody may import a service. */
const WORKSPACES: Readonly<Record<string, readonly string[]>> = {
  "packages/core": [],
  "packages/testing": ["core"],
  "packages/api": [],
  "packages/merkle": ["core"],
  "packages/rpc": ["core", "api"],
  "packages/process": ["core"],
  "packages/archive": ["core", "api", "merkle"],
  "packages/coordinator": ["core", "api", "merkle", "rpc", "archive"],
  "packages/cli": ["core", "api", "merkle", "rpc", "archive", "coordinator"],
  "services/storage": ["core", "api", "merkle", "rpc", "process"],
  "services/backup-gateway": ["core", "api", "rpc", "process"],
};

/** Libraries with traps of their own, and the only folders that may know them. */
const LIBRARIES: Readonly<Record<string, readonly RegExp[]>> = {
  lmdb: [/^services\/storage\/src\/engine\//],
  "@grpc/grpc-js": [
    /^packages\/rpc\/src\//,
    /^packages\/coordinator\/src\//,
    /^packages\/cli\/src\/service-commands\//,
    /^services\/[a-z-]+\/src\/(rpc|storage|engine\/grpc)\//,
    /^services\/[a-z-]+\/src\/[a-z]+-server\.ts$/,
  ],
  "async-mutex": [/^services\/[a-z-]+\/src\/(ledger|lease|restore|state|streams|engine)\//],
  "prom-client": [/^packages\/process\/src\//],
  pino: [/^packages\/process\/src\//],
  commander: [/^packages\/(process|cli)\/src\//],
  "cli-progress": [/^packages\/cli\/src\//],
  "grpc-health-check": [/^packages\/rpc\/src\//],
};

/** Domain folders: no transport, no engine, no wire types, no adapters of their own service. */
const DOMAIN = /^services\/[a-z-]+\/src\/(ledger|state|restore|lease|admission|quota|streams)\//;
const DOMAIN_PACKAGES = /^(node:|@holdfast\/(core|merkle)$|async-mutex$)/;
const ADAPTER = /^services\/[a-z-]+\/src\/(engine|rpc|storage|admin)\//;

interface Import {
  readonly file: string;
  readonly target: string;
}

const imports: Import[] = sourceFiles().flatMap((file) =>
  [
    ...readFileSync(join(ROOT, file), "utf8").matchAll(
      /^(?:import|export)\b[^;"]*?from "([^"]+)";|\bimport\("([^"]+)"\)|^import "([^"]+)";/gm,
    ),
  ].map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? "" })),
);

const isTest = (file: string): boolean => /\.test\.ts$|test-support/.test(file);
const workspaceOf = (file: string): string => file.split("/").slice(0, 2).join("/");

test("there are imports to check", () => {
  assert.ok(imports.length > 200, `only ${imports.length} imports were found`);
});

test("workspaces import only what the table allows", () => {
  for (const { file, target } of imports) {
    if (!target.startsWith("@holdfast/")) continue;
    const name = target.split("/")[1] ?? "";
    const allowed = WORKSPACES[workspaceOf(file)] ?? [];
    const ok = allowed.includes(name) || (name === "testing" && isTest(file));
    assert.ok(ok, `${file} must not import ${target}`);
  }
});

test("nobody reaches into another workspace by path", () => {
  for (const { file, target } of imports) {
    if (!target.startsWith(".")) continue;
    const resolved = normalize(join(dirname(file), target));
    assert.equal(workspaceOf(resolved), workspaceOf(file), `${file} reaches ${target}`);
  }
});

test("libraries with traps stay in their folders", () => {
  for (const { file, target } of imports) {
    const folders = LIBRARIES[target];
    if (folders === undefined || isTest(file)) continue;
    assert.ok(
      folders.some((folder) => folder.test(file)),
      `${file} must not import ${target}`,
    );
  }
});

test("domain folders know neither transport, engine, wire types nor adapters", () => {
  for (const { file, target } of imports) {
    if (!DOMAIN.test(file) || isTest(file)) continue;
    if (target.startsWith(".")) {
      const resolved = normalize(join(dirname(file), target));
      assert.doesNotMatch(resolved, ADAPTER, `${file} must not import ${target}`);
    } else {
      assert.match(target, DOMAIN_PACKAGES, `${file} must not import ${target}`);
    }
  }
});

test("nothing imports in a circle between files of one workspace", () => {
  const edges = new Map<string, string[]>();
  for (const { file, target } of imports) {
    if (!target.startsWith(".")) continue;
    const resolved = normalize(join(dirname(file), target)).replace(/\.js$/, ".ts");
    edges.set(file, [...(edges.get(file) ?? []), resolved]);
  }
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `import circle: ${[...path, file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
});

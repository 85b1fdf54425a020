// Goal: the house rules that no linter knows. Method: read the sources as text.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "node:test";
import { filesBelow, ROOT, sourceFiles } from "../support/repository.js";

const LINES_MAX = 400;
const isTest = (file: string): boolean => /\.test\.ts$|test-support/.test(file);
const text = (file: string): string => readFileSync(join(ROOT, file), "utf8");

test(`no source file is longer than ${LINES_MAX} lines`, () => {
  for (const file of sourceFiles().filter((path) => !isTest(path))) {
    const lines = text(file).split("\n").length;
    assert.ok(lines <= LINES_MAX, `${file} has ${lines} lines: one concept per file`);
  }
});

test("files are named for what they hold, in kebab-case", () => {
  for (const file of sourceFiles()) {
    assert.match(basename(file), /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.test-support)?\.ts$/, file);
    assert.doesNotMatch(basename(file), /^(utils?|helpers?|misc|common)\b/, file);
  }
});

test("environment and signals are read where processes start only", () => {
  const allowed =
    /^packages\/(process|cli|testing)\/src\/|\/(main|config)\.ts$|-(worker|thread)\.ts$|\/test-support\//;
  for (const file of sourceFiles()) {
    if (allowed.test(file) || isTest(file)) continue;
    assert.doesNotMatch(text(file), /\bprocess\.(env|on|once)\b/, file);
  }
});

test("time and chance are injected", () => {
  const allowed = /^packages\/(core\/src\/clock|testing|cli)|\/test-support\//;
  for (const file of sourceFiles()) {
    if (allowed.test(file) || isTest(file)) continue;
    assert.doesNotMatch(text(file), /\bDate\.now\(|\bMath\.random\(/, file);
  }
});

test("nothing is skipped, left for later or silently swallowed", () => {
  const banned = [
    /\b(test|it|describe)\.(skip|only|todo)\b/,
    /\bTODO\b|\bFIXME\b|\bXXX\b/,
    /@ts-(ignore|nocheck|expect-error)/,
    /catch\s*(\([^)]*\))?\s*\{\s*\}/,
  ];
  for (const file of [...sourceFiles(), ...filesBelow("test", (path) => path.endsWith(".ts"))]) {
    if (file.endsWith("tidy.test.ts")) continue;
    for (const pattern of banned) assert.doesNotMatch(text(file), pattern, `${file}: ${pattern}`);
  }
});

test("every reason of the contract is explained in docs/errors.md", () => {
  const proto = text("proto/holdfast/types/v1/errors.proto");
  const page = text("docs/errors.md");
  const reasons = [...proto.matchAll(/ERROR_REASON_([A-Z0-9_]+) = (\d+)/g)]
    .filter((match) => match[2] !== "0")
    .map((match) => match[1] ?? "");
  assert.ok(reasons.length > 30);
  for (const reason of reasons) assert.ok(page.includes(`\`${reason}\``), reason);
});

test("every reason of archives and of the CLI is explained in docs/errors.md", () => {
  const codes = [
    ...text("packages/archive/src/archive-error.ts").matchAll(/^ {2}\| "([A-Z_]+)"/gm),
  ];
  const own = ["failure.ts", "run.ts"].flatMap((file) => [
    ...text(`packages/cli/src/${file}`).matchAll(/(?:failure\(|reason: |: )"([A-Z_]{5,})"/g),
  ]);
  const page = text("docs/errors.md");
  const reasons = new Set([...codes, ...own].map((match) => match[1] ?? ""));
  for (const reason of ["DAMAGED", "INTERRUPTED", "USAGE"]) assert.ok(reasons.has(reason), reason);
  for (const reason of reasons) assert.match(page, new RegExp(`\\b${reason}\\b`), reason);
});

test("every limit of the contract is in docs/limits.md", () => {
  const names = [...text("packages/core/src/limits.ts").matchAll(/^export const ([A-Z0-9_]+)/gm)];
  const page = text("docs/limits.md");
  assert.ok(names.length > 30);
  for (const [, name] of names) assert.ok(page.includes(`\`${name}\``), `${name} is missing`);
});

test("the pages the README names exist", () => {
  for (const match of text("README.md").matchAll(/\]\((?!https?:)([^)#]+)/g)) {
    assert.ok(existsSync(join(ROOT, match[1] ?? "")), `README.md names ${match[1]}`);
  }
});

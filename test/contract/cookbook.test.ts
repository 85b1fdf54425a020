// Goal: an operator with reflection and `buf curl` only can use both services.
// Method: run the cookbook of docs/operations.md, command for command.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { temporaryDirectory } from "@holdfast/testing";
import { startGateway, startStorage } from "../support/processes.js";
import { ROOT } from "../support/repository.js";

test("the cookbook of docs/operations.md works as it stands there", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const page = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  assert.ok(blocks.length >= 4, "the cookbook has its commands");
  const script = ["set -euo pipefail", ...blocks]
    .join("\n")
    .replaceAll("127.0.0.1:7410", store.listen)
    .replaceAll("127.0.0.1:7420", gateway.listen);
  const { stdout } = await promisify(execFile)("bash", ["-c", script], {
    env: { ...process.env, PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` },
  });
  assert.match(stdout, /"logRoot"/, "GetDbState");
  assert.match(stdout, /"ledgerId"/, "CommitBlock");
  assert.match(stdout, /"value": "dmFsdWU="/, "GetState");
  assert.match(stdout, /"stateProof"/, "its proof");
  for (const part of ["header", "chunks", "trailer"]) assert.match(stdout, new RegExp(`"${part}"`));
  assert.match(stdout, /"SERVING"/, "health");
});

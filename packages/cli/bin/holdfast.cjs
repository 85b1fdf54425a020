#!/usr/bin/env node
// Starts the CLI from its bundle. It sets what must be set before the program loads.
const { existsSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const main = join(__dirname, "../dist/bundle/main.js");
if (!existsSync(main)) {
  console.error("holdfast is not built: run `make build`.");
  process.exit(1);
}
process.env.UV_THREADPOOL_SIZE ??= "8";
// From Node 22 on: a seventh of the start goes into compiling.
enableCompileCache?.();
import(pathToFileURL(main).href).catch((error) => {
  console.error(error);
  process.exit(1);
});

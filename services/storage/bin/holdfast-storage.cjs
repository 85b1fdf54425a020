#!/usr/bin/env node
// Starts storage from its compiled form; npm links this file, so it is there before `dist` is.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

// Each commit holds a thread of libuv's pool through its fsync. It has to be said before the pool
// starts, which the loader of ES modules does.
process.env.UV_THREADPOOL_SIZE ??= "32";

const main = join(__dirname, "..", "dist", "main.js");
if (!existsSync(main)) {
  console.error("holdfast-storage is not built: run `make build`.");
  process.exit(1);
}
import(pathToFileURL(main).href).catch((error) => {
  console.error(error);
  process.exit(1);
});

#!/usr/bin/env node
// Starts the gateway from its compiled form; npm links this file, so it is there before `dist` is.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const main = join(__dirname, "..", "dist", "main.js");
if (!existsSync(main)) {
  console.error("holdfast-gateway is not built: run `make build`.");
  process.exit(1);
}
import(pathToFileURL(main).href).catch((error) => {
  console.error(error);
  process.exit(1);
});

// Puts the CLI and all it imports into a few files, dist/bundle: a process that loads 380 files
// takes twice as long to start (docs/adr/0009-cli-bundle.md). `make build` runs it behind `tsc`.
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const folder = join(import.meta.dirname, "dist/bundle");

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: import.meta.dirname,
  outdir: folder,
  bundle: true,
  format: "esm",
  platform: "node",
  // Only read under --enable-source-maps.
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: "warning",
};

// The names matter: bin/ starts main.js, and the fold pool the worker that lies beside it.
const results = await Promise.all([
  build({
    ...options,
    entryPoints: { main: "dist/main.js" },
    // What only some commands need is a file of its own, which they load.
    splitting: true,
    // CommonJS packages in an ES module ask for Node's own modules by `require`.
    banner: {
      js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
    // grpc-js asks for it when a server offers channelz, by files that lie beside its own.
    external: ["@grpc/proto-loader"],
  }),
  // A thread loads all of its code itself: it gains nothing from sharing files.
  build({
    ...options,
    entryPoints: { "fold-worker": "@holdfast/coordinator/fold-worker" },
  }),
]);
if (results.some(({ warnings }) => warnings.length > 0)) process.exit(1);

// Names but those of the entries end with a digest: what an earlier build left has another one.
const outputs = results.flatMap(({ metafile }) => Object.keys(metafile.outputs));
const files = new Set(outputs.map((path) => basename(path)));
for (const file of readdirSync(folder)) if (!files.has(file)) rmSync(join(folder, file));

// Goal: --timeout, --max-duration, --retry-for and --token do what they say. Method: servers that
// are silent, that fail some times, or that look at the metadata only.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import test from "node:test";
import { storage } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { EMPTY_NODE, rootOf } from "@holdfast/merkle";
import { type CallContext, GrpcServer, unary } from "@holdfast/rpc";
import { RecordingLogger } from "@holdfast/testing";
import { Interrupted } from "./interrupted.js";
import { run } from "./run.js";

async function cli(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<{ code: number; error: { reason: string; message: string } }> {
  let out = "";
  const stdout = (text: string): void => {
    out += text;
  };
  const streams = { stdout, stderr: () => undefined };
  const code = await run(["--json", ...args], streams, signal);
  return { code, error: JSON.parse(out.trimEnd().split("\n").at(-1) ?? "").error };
}

test("a server that takes the connection and says nothing", async (context) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  const alive = setInterval(() => undefined, 1_000);
  context.after(() => {
    clearInterval(alive);
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server, "listening");
  const to = ["--storage", `127.0.0.1:${(server.address() as AddressInfo).port}`, "status"];

  await context.test("--timeout ends the call", async () => {
    const { code, error } = await cli(["--timeout", "300ms", "--retry-for", "0s", ...to]);
    assert.deepEqual([code, error.reason], [6, "DEADLINE_EXCEEDED"]);
  });
  await context.test("--max-duration ends the command", async () => {
    const { code, error } = await cli(["--max-duration", "300ms", ...to]);
    assert.deepEqual([code, error.reason], [6, "DEADLINE_EXCEEDED"]);
    assert.match(error.message, /--max-duration/);
  });
  await context.test("signals end it with their exit codes", async () => {
    for (const [name, expected] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const abort = new AbortController();
      const ending = cli(to, abort.signal);
      setImmediate(() => abort.abort(new Interrupted(name)));
      const { code, error } = await ending;
      assert.deepEqual([code, error.reason], [expected, "INTERRUPTED"]);
    }
  });
});

test("status and get try again until --retry-for", async () => {
  let calls = 0;
  await using server = await storageThat(async () => {
    calls += 1;
    if (calls % 3 !== 0) throw new HoldfastError("DRAINING", "Shutting down.");
    throw new HoldfastError("STORE_EMPTY", "Reached.");
  });
  const to = ["--storage", server.address];
  for (const command of [["status"], ["get", "key"]]) {
    calls = 0;
    const patient = await cli([...to, "--retry-for", "30s", ...command]);
    assert.deepEqual(
      [patient.code, patient.error.reason, calls],
      [1, "STORE_EMPTY", 3],
      command[0],
    );
    calls = 0;
    const impatient = await cli([...to, "--retry-for", "0s", ...command]);
    assert.deepEqual(
      [impatient.code, impatient.error.reason, calls],
      [6, "DRAINING", 1],
      command[0],
    );
  }
});

test("--token is sent as a bearer token", async () => {
  const seen: unknown[] = [];
  await using server = await storageThat(async ({ metadata }) => {
    seen.push(...metadata.get("authorization"));
    throw new TypeError("enough");
  });
  const { code, error } = await cli(["--storage", server.address, "--token", "secret", "status"]);
  assert.deepEqual([code, error.reason], [1, "INTERNAL"]);
  assert.deepEqual(seen, ["Bearer secret"]);
});

test("a proof of another version than the one asked for is no proof", async () => {
  const stateRoot = rootOf(EMPTY_NODE);
  const hash = Buffer.alloc(32);
  const info = { version: 0n, payloadHash: hash, writeSetHash: hash, eventRoot: hash, stateRoot };
  await using server = await storageThat(
    async (): Promise<storage.GetStateResponse> => ({
      value: undefined,
      version: 0n,
      stateRoot,
      stateProof: { siblings: [], met: { kind: { $case: "empty", value: true } } },
      ics23Proof: Buffer.alloc(0),
      rootProof: { info: { ...info, commitTime: undefined }, logSiblings: [] },
    }),
  );
  const get = ["--storage", server.address, "get", "key", "--proof", "--version"];
  assert.equal((await cli([...get, "0"])).code, 0);
  const { code, error } = await cli([...get, "5"]);
  assert.deepEqual([code, error.reason], [3, "PROOF_INVALID"]);
});

/** A storage whose methods all do the same. */
async function storageThat(
  does: (context: CallContext) => Promise<object>,
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = new GrpcServer({
    logger: new RecordingLogger(),
    receiveBytesMax: 1_000_000,
    concurrentStreamsMax: 10,
  });
  const handler = unary<object, object>((_, context) => does(context));
  const methods = Object.keys(storage.StorageServiceService).map((name) => [name, handler]);
  server.add(storage.StorageServiceService, Object.fromEntries(methods));
  const address = await server.start("127.0.0.1:0");
  return { address, [Symbol.asyncDispose]: () => server.stop() };
}

// Goal: --timeout, --max-duration and --token do what they say. Method: servers that are silent, or
// that look at the metadata only.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import test from "node:test";
import { storage } from "@holdfast/api";
import { GrpcServer, unary } from "@holdfast/rpc";
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
    const { code, error } = await cli(["--timeout", "300ms", ...to]);
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

test("--token is sent as a bearer token", async () => {
  const server = new GrpcServer({
    logger: new RecordingLogger(),
    receiveBytesMax: 1_000_000,
    concurrentStreamsMax: 10,
  });
  const seen: unknown[] = [];
  const look = unary<object, storage.GetDbStateResponse>(async (_, { metadata }) => {
    seen.push(...metadata.get("authorization"));
    throw new TypeError("enough");
  });
  const methods = Object.keys(storage.StorageServiceService).map((name) => [name, look]);
  server.add(storage.StorageServiceService, Object.fromEntries(methods));
  const address = await server.start("127.0.0.1:0");
  const { code, error } = await cli(["--storage", address, "--token", "secret", "status"]);
  assert.deepEqual([code, error.reason], [1, "INTERNAL"]);
  assert.deepEqual(seen, ["Bearer secret"]);
  await server.stop();
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { Server, ServerCredentials, ServerInterceptingCall } from "@grpc/grpc-js";
import { encodingOf } from "./call-transport.js";

/** A check that takes longer has failed. */
const CHECK_MS_MAX = 5_000;
const METHOD = "/holdfast.check/Stuck";

let checked: Promise<void> | null = null;

/**
 * Tries, once in a process, what needs private fields of grpc-js: that a stream whose reader is
 * stuck can be reset, and that a call says how its request is compressed. A server that cannot do
 * both must not start.
 * @throws Error when it does not work.
 */
export function checkTransport(): Promise<void> {
  checked ??= check();
  return checked;
}

async function check(): Promise<void> {
  let reset: () => void = () => undefined;
  const bytes = (value: Buffer): Buffer => value;
  const server = new Server({
    "grpc.enable_channelz": 0,
    interceptors: [
      (_, inner) => {
        const { stream } = inner as unknown as { stream?: { close(code: number): void } };
        encodingOf(inner);
        reset = () => stream?.close(constants.NGHTTP2_CANCEL);
        return new ServerInterceptingCall(inner);
      },
    ],
  });
  server.register(
    METHOD,
    (call: { write(b: Buffer): void }) => call.write(Buffer.alloc(200_000)),
    bytes,
    bytes,
    "serverStream",
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  try {
    const request: ClientHttp2Stream = session.request({
      ":method": "POST",
      ":path": METHOD,
      "content-type": "application/grpc",
      te: "trailers",
    });
    request.on("error", () => undefined);
    request.end(Buffer.alloc(5));
    const signal = AbortSignal.timeout(CHECK_MS_MAX);
    await once(request, "response", { signal });
    // Nobody reads: the response is stuck in flow control.
    const closed = once(request, "close", { signal });
    reset();
    request.resume();
    await closed;
    assert.equal(request.rstCode, constants.NGHTTP2_CANCEL);
  } catch (cause) {
    throw new Error("what is needed of @grpc/grpc-js beyond its interface did not work", { cause });
  } finally {
    session.destroy();
    server.forceShutdown();
  }
}

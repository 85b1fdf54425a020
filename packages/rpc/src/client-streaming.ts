import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { handleClientStreamingCall } from "@grpc/grpc-js";
import { WaitTimer } from "@holdfast/core";
import type { CallContext } from "./call-context.js";
import { wellFormed } from "./malformed-request.js";
import { type ServerCall, serverCallOf } from "./server-call.js";
import { stalled } from "./stalled.js";

/**
 * A client-streaming method as grpc-js takes it. `requests` yields the parts as they come and
 * throws the signal's reason when the call ends before they do. The handler may answer or throw
 * without having read all of them. That the parts ended is no proof that they are all (a
 * vanishing client can look so): the messages have to say how much there is.
 */
export function clientStreaming<Req, Res>(
  handler: (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>,
): handleClientStreamingCall<Req, Res> {
  return (stream) => {
    const call = serverCallOf(stream.metadata);
    call.run(async () => {
      const response = await handler(partsOf<Req>(call, stream), call.context);
      await call.send(response);
      call.succeed();
    });
  };
}

/** Upon any of them there is something to read, or there will be nothing more. */
const EVENTS = ["readable", "end", "error", "close"] as const;

/** The messages a peer sends. A peer that owes one for longer than the stall rule ends the call. */
export async function* partsOf<Req>(
  call: ServerCall,
  stream: Readable,
): AsyncGenerator<Req, void, undefined> {
  const { signal, host } = call;
  const { stallMs } = host.times;
  call.widenWindow();
  const leave = (): void => void stream.destroy();
  signal.addEventListener("abort", leave, { once: true });
  const stall = new WaitTimer(host.clock, stallMs, () => call.fail(stalled(stallMs)));
  let wake = (): void => undefined;
  // The listener for errors stays: without one a late error would end the process.
  for (const event of EVENTS) stream.on(event, () => wake());
  try {
    for (;;) {
      signal.throwIfAborted();
      const part = stream.read() as Req | null;
      if (part !== null) {
        call.partTaken();
        yield wellFormed(part);
        continue;
      }
      if (stream.readableEnded) break;
      if (stream.destroyed) throw stream.errored ?? new Error("the upload broke off");
      stall.begin();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      stall.end();
    }
    // Node's HTTP/2 client ends the stream before it resets it, so that a cancelled upload looks
    // complete until the reset, which is right behind, has been read.
    await setImmediate();
    signal.throwIfAborted();
  } catch (error) {
    // Node words it as a premature close; the caller's reason is the signal's.
    signal.throwIfAborted();
    throw error;
  } finally {
    stall.stop();
    signal.removeEventListener("abort", leave);
  }
}

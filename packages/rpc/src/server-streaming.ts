import type { handleServerStreamingCall } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.js";
import { FrameStream } from "./frame-stream.js";
import { wellFormed } from "./malformed-request.js";
import { serverCallOf } from "./server-call.js";

/**
 * A server-streaming method as grpc-js takes it. The handler sends frames and ends with
 * `frames.finish`; a throw, or leaving without, ends the call with an error.
 */
export function serverStreaming<Req, Frame>(
  handler: (request: Req, context: CallContext, frames: FrameStream<Frame>) => Promise<void>,
): handleServerStreamingCall<Req, Frame> {
  return ({ metadata, request }) => {
    const call = serverCallOf(metadata);
    call.run(() => handler(wellFormed(request), call.context, new FrameStream<Frame>(call)));
  };
}

import type { handleUnaryCall } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.js";
import { wellFormed } from "./malformed-request.js";
import { serverCallOf } from "./server-call.js";

/** A unary method as grpc-js takes it. What the handler throws is what the caller gets. */
export function unary<Req, Res>(
  handler: (request: Req, context: CallContext) => Promise<Res>,
): handleUnaryCall<Req, Res> {
  return ({ metadata, request }) => {
    const call = serverCallOf(metadata);
    call.run(async () => {
      const response = await handler(wellFormed(request), call.context);
      await call.send(response);
      call.succeed();
    });
  };
}

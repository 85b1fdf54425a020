import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { type CallHost, type Codec, ServerCall } from "./server-call.js";

/**
 * Makes a `ServerCall` of every call. It has to be the first interceptor, the one that gets
 * grpc-js's own call and with it the transport stream.
 */
export function callInterceptor(
  host: CallHost,
  codecs: ReadonlyMap<string, Codec>,
): ServerInterceptor {
  return (definition, inner) => {
    const call = new ServerCall(host, codecs.get(definition.path) ?? definition, inner);
    return new ServerInterceptingCall(inner, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, deliver) => {
            if (call.begin(metadata)) deliver(metadata);
          },
          onCancel: () => call.onCancel(),
        }),
      sendStatus: (status, next) => {
        call.onForeignStatus(status.code ?? 2);
        next(status);
      },
    });
  };
}

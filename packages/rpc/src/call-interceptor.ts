import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import { HoldfastError } from "@holdfast/core";
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
    refuseLargeMessages(inner, call);
    return new ServerInterceptingCall(inner, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, deliver) => {
            if (call.begin(metadata)) deliver(metadata);
          },
          onReceiveMessage: (message, deliver) => {
            call.onRequestMessage();
            deliver(message);
          },
          onReceiveHalfClose: (deliver) => {
            if (call.onRequestEnd()) deliver();
          },
          onCancel: () => call.onCancel(),
        }),
      sendStatus: (foreign, next) => {
        call.onForeignStatus(foreign.code ?? status.UNKNOWN);
        next(foreign);
      },
    });
  };
}

/** How grpc-js words its refusal of a message. */
const TOO_LARGE = /^Received message larger than max/;

/**
 * grpc-js refuses a message that is too large by itself, past every interceptor and in a text of
 * its own; the caller gets an error like every other.
 */
function refuseLargeMessages(inner: ServerInterceptingCallInterface, call: ServerCall): void {
  const send = inner.sendStatus.bind(inner);
  inner.sendStatus = (sent) => {
    if (sent.code !== status.RESOURCE_EXHAUSTED || !TOO_LARGE.test(sent.details ?? "")) send(sent);
    else call.fail(tooLarge());
  };
}

function tooLarge(): HoldfastError {
  return new HoldfastError(
    "MESSAGE_TOO_LARGE",
    "The message is larger than this server takes. Send it in smaller parts.",
  );
}

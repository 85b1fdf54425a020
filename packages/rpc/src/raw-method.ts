import type { MethodDefinition } from "@grpc/grpc-js";

const identity = (bytes: Buffer): Buffer => bytes;

/** The same method, its requests left as bytes. */
export function rawRequest<Req, Res>(
  definition: MethodDefinition<Req, Res>,
): MethodDefinition<Buffer, Res> {
  return { ...definition, requestSerialize: identity, requestDeserialize: identity };
}

/** The same method, its responses (frames) left as bytes. */
export function rawResponse<Req, Res>(
  definition: MethodDefinition<Req, Res>,
): MethodDefinition<Req, Buffer> {
  return { ...definition, responseSerialize: identity, responseDeserialize: identity };
}

/** The same method on the same path, both directions left as bytes. */
export function rawMethod<Req, Res>(
  definition: MethodDefinition<Req, Res>,
): MethodDefinition<Buffer, Buffer> {
  return rawRequest(rawResponse(definition));
}

export type { CallContext, CallObserver, CallTimes } from "./call-context.js";
export * from "./client.js";
export { clientStreaming } from "./client-streaming.js";
export type { DescriptorFile } from "./descriptor-image.js";
export { toServiceError } from "./error-to-status.js";
export type { FrameStream } from "./frame-stream.js";
export {
  type DrainOptions,
  GrpcServer,
  type GrpcServerOptions,
  type Health,
} from "./grpc-server.js";
export { rawMethod, rawRequest, rawResponse } from "./raw-method.js";
export { serverStreaming } from "./server-streaming.js";
export { unary } from "./unary.js";
export type { WireStatus } from "./wire-status.js";

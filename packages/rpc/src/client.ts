// The client's half of this package: what a process that serves nothing loads.
export {
  type ClientCall,
  type ClientStreamingMethod,
  callClientStreaming,
  callServerStreaming,
  callUnary,
  type UnaryMethod,
} from "./client-calls.js";
export {
  type ChannelTuning,
  callOptions,
  clientOptions,
} from "./client-options.js";
export { FrameClient } from "./frame-client.js";
export { FramedMessage } from "./framed-message.js";
export { RawClient } from "./raw-client.js";
export { type Endpoint, fromServiceError } from "./status-to-error.js";
export { calmCollector, limitStreamBuffers } from "./stream-buffers.js";

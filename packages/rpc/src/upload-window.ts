import type { ServerHttp2Stream } from "node:http2";
import { limits } from "@holdfast/core";

/**
 * Lets a connection that uploads have more under way than HTTP/2's 64 KiB, which all its uploads
 * would share: their parts are about as large, so that each would wait for the one before to be
 * read. A single upload keeps its 64 KiB. What is received is bounded by the memory for requests.
 */
export function widenWindow({ session }: ServerHttp2Stream): void {
  const windowBytes = session?.state.effectiveLocalWindowSize ?? limits.UPLOAD_WINDOW_BYTES;
  if (windowBytes < limits.UPLOAD_WINDOW_BYTES) {
    session?.setLocalWindowSize(limits.UPLOAD_WINDOW_BYTES);
  }
}

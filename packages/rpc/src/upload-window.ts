import type { ServerHttp2Stream } from "node:http2";
import { limits } from "@holdfast/core";

/**
 * Lets a connection that uploads, and each call on it, have more under way than HTTP/2's 64 KiB: a
 * part is about as large, so that each would wait for the one before to be read, through every
 * process on the way. What has arrived and was not read is bounded by the memory for requests.
 */
export function widenWindow({ session }: ServerHttp2Stream): void {
  const windowBytes = session?.state.effectiveLocalWindowSize ?? limits.UPLOAD_WINDOW_BYTES;
  if (windowBytes >= limits.UPLOAD_WINDOW_BYTES) return;
  session?.setLocalWindowSize(limits.UPLOAD_WINDOW_BYTES);
  session?.settings({ initialWindowSize: limits.UPLOAD_WINDOW_BYTES });
}

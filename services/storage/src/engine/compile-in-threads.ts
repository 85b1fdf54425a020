import { setFlagsFromString } from "node:v8";

/**
 * Makes threads that are started from now on compile their hot code themselves, instead of giving it
 * to V8's background threads. There, V8 11 does not look up what a typed array inherits, so that in
 * the code it makes each `buffer.subarray`, `set`, `byteOffset` or `readUInt32BE` asks for the
 * property anew (docs/adr/0011). The thread that calls this goes on as it was: a loop that serves
 * callers must not stop to compile.
 */
export function compileInThreads(): void {
  if (process.versions.v8.startsWith("11.")) setFlagsFromString("--no-concurrent-recompilation");
}

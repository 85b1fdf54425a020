import { setDefaultHighWaterMark } from "node:stream";
import { setFlagsFromString } from "node:v8";

/**
 * Object streams read no message before one is asked for, and not sixteen ahead: with frames of
 * 128 KiB that is the larger part of a stream's memory. It costs no throughput, since bytes still
 * wait in the HTTP/2 window. (200 paused streams of a gateway: +999 MiB with Node's 16, +245 MiB
 * with 1, +205 MiB with 0, of which 109 to 125 MiB are frames and windows.) Called first thing in
 * every `main.ts`.
 */
export function limitStreamBuffers(): void {
  setDefaultHighWaterMark(true, 0);
}

/**
 * How much the heap of who only passes frames on or drops them may grow between two full
 * collections, percent.
 */
const HEAP_GROWING_PERCENT = 400;

/**
 * Keeps V8 from collecting the whole heap for every few frames. A process with a small heap that
 * receives frames (memory outside of the heap, dead at once) otherwise runs a full collection
 * for each 16 MiB: 285 of them, and twice the CPU, for 4.5 GB passed through a gateway; one with
 * this. Memory stays the same, since short-lived frames go with the small collections. Called
 * first thing in both services, and by the CLI when the first tile is through: V8 takes no code from
 * caches that were made under other flags, so that Node's own modules are compiled anew for what is
 * loaded after this call (25 ms for the next thread that starts).
 * @param growingPercent how much the heap may grow between two full collections.
 */
export function calmCollector(growingPercent: number = HEAP_GROWING_PERCENT): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}

import { setDefaultHighWaterMark } from "node:stream";

/**
 * Object streams buffer one message and not sixteen: with frames of 128 KiB that is the larger
 * part of a stream's memory, and costs no throughput. Called first thing in every `main.ts`.
 */
export function limitStreamBuffers(): void {
  setDefaultHighWaterMark(true, 1);
}

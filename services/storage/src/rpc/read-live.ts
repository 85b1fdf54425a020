import type { GenerationUse, LiveGeneration } from "../engine/live-generation.js";
import type { StoreReader } from "../state/state-reader.js";

/**
 * Reads the live generation in one synchronous step: what it sees is one snapshot, so that what
 * `oldest` allows is also still there.
 */
export function readLive<T>(live: LiveGeneration, read: (reader: StoreReader) => T): T {
  const use = live.use();
  try {
    return readUse(use, read);
  } finally {
    use.release();
  }
}

/** The same in a generation that is in use already. */
export function readUse<T>({ reader }: GenerationUse, read: (reader: StoreReader) => T): T {
  reader.refresh();
  try {
    return read(reader);
  } finally {
    reader.release();
  }
}

import type { LiveVersions } from "../lease/ports.js";
import type { StoreReader } from "../state/state-reader.js";
import type { LiveGeneration } from "./live-generation.js";

/** What the lessor asks of the live store, each time as of its newest commit. */
export function liveVersionsOf(live: LiveGeneration): LiveVersions {
  const read = <T>(step: (reader: StoreReader) => T): T => {
    const { reader } = live;
    reader.refresh();
    try {
      return step(reader);
    } finally {
      reader.release();
    }
  };
  return {
    bounds: () =>
      read((reader) => {
        const { histories, committed, oldestState, oldestJournal } = reader.meta();
        if (committed === null) return null;
        const historyId = histories[0]?.historyId ?? Buffer.alloc(0);
        return { historyId, committed, oldestState, oldestJournal };
      }),
    isCheckpoint: (version) => read((reader) => reader.checkpoint(version) !== null),
    checkpointsAround: (version) => read((reader) => reader.checkpointsAround(version)),
  };
}

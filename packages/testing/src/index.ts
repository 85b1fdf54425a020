export { ManualClock } from "./manual-clock.js";
export { type LogLine, RecordingLogger } from "./recording-logger.js";
export { SeededRandom } from "./seeded-random.js";
export { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.js";
export { until } from "./until.js";

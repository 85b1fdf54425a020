// The half of this package that needs an archive and no service: neither transport nor wire types.
export {
  type ArchiveContents,
  archiveContents,
  isNewer,
  type LeftOut,
  tellLeftOut,
} from "./archive-contents.js";
export { CHAIN_LIMITS, type ChainLimits, chainOf } from "./base-choice.js";
export { type CompactReport, compactSnapshot } from "./compact-snapshot.js";
export { type Difference, diffSnapshots } from "./diff-snapshots.js";
export { findSnapshot } from "./find-snapshot.js";
export { type HistoricSnapshot, type HistoryLine, knownHistories } from "./histories.js";
export type { JobDependencies, JobProgress } from "./job.js";
export { type Chain, chooseWhole, completeChain, type StateWish } from "./restore-choice.js";
export type { ArchivedSnapshot } from "./snapshot-view.js";
export { type Finding, type VerifyReport, verifyArchive } from "./verify-archive.js";

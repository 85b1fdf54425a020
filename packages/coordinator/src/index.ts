export {
  type ArchiveContents,
  archiveContents,
  isNewer,
  tellLeftOut,
} from "./archive-contents.js";
export { type BackupOptions, type BackupReport, backupState } from "./backup-state.js";
export { CHAIN_LIMITS, type ChainLimits, chainOf } from "./base-choice.js";
export { type CompactReport, compactSnapshot } from "./compact-snapshot.js";
export { type Difference, diffSnapshots } from "./diff-snapshots.js";
export { findSnapshot } from "./find-snapshot.js";
export { type GatewayClients, type GatewayOptions, Gateways } from "./gateways.js";
export { type HistoricSnapshot, type HistoryLine, knownHistories } from "./histories.js";
export {
  type JobDependencies,
  type JobProgress,
  patienceOf,
  type ServiceJobDependencies,
} from "./job.js";
export type { Patience } from "./patience.js";
export { type Chain, chooseWhole, completeChain, type StateWish } from "./restore-choice.js";
export { type RestoreOptions, type RestoreReport, restoreState } from "./restore-state.js";
export { infoFromWire } from "./root-proof.js";
export type { ArchivedSnapshot } from "./snapshot-view.js";
export { nodeFromWire } from "./tree-nodes.js";
export { type Finding, type VerifyReport, verifyArchive } from "./verify-archive.js";

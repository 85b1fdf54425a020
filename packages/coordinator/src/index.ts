export {
  type BackupChoice,
  type BaseCandidate,
  CHAIN_LIMITS,
  type ChainLimits,
  chainOf,
  chooseBackup,
  newestUsable,
} from "./base-choice.js";
export { type GatewayClients, type GatewayOptions, Gateways } from "./gateways.js";
export { type HistoryLine, knownHistories, usableUpTo } from "./histories.js";
export { isLeaseEnded, JobLease, type LeaseDependencies, type LeaseWish } from "./job-lease.js";
export { isTransient, Patience, type PatienceOptions } from "./patience.js";

export * from "./archive.js";
export type { BackupOptions, BackupReport } from "./backup-options.js";
export { backupState } from "./backup-state.js";
export { type GatewayClients, type GatewayOptions, Gateways } from "./gateways.js";
export { patienceOf, type ServiceJobDependencies } from "./job.js";
export type { Patience } from "./patience.js";
export { type RestoreOptions, type RestoreReport, restoreState } from "./restore-state.js";
export { infoFromWire } from "./root-proof.js";
export { nodeFromWire } from "./tree-nodes.js";

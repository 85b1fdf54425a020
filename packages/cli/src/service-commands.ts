// What the commands do that talk to services. Each of them loads all of it when it runs, and with it
// the transport: most of the CLI's code, which commands on an archive, help and errors do without.
export { runBackupState } from "./service-commands/backup-state.js";
export { runGet } from "./service-commands/get.js";
export { runImport } from "./service-commands/import.js";
export { runRestore } from "./service-commands/restore.js";
export { runStatus } from "./service-commands/status.js";

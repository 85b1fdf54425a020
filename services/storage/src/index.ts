export { storageConfig } from "./config.js";
export { startStorageServer } from "./storage-server.js";

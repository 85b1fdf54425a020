export { type Clock, sleep, systemClock, type Timer } from "./clock.js";
export { type ErrorOptions, type FieldViolation, HoldfastError, invalidField } from "./error.js";
export * as limits from "./limits.js";
export type { LogFields, Logger } from "./logger.js";
export { REASONS, type Reason, type StatusName } from "./reason.js";

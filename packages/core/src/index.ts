export { BoundedExecutor, type ExecutorCounts, type ExecutorLimits } from "./bounded-executor.js";
export { ChildAbort } from "./child-abort.js";
export { type Clock, sleep, systemClock, type Timer } from "./clock.js";
export { deadlineExceeded } from "./deadline.js";
export { type ErrorOptions, type FieldViolation, HoldfastError, invalidField } from "./error.js";
export * as limits from "./limits.js";
export type { LogFields, Logger } from "./logger.js";
export { orderedConcurrency } from "./ordered-concurrency.js";
export { REASONS, type Reason, type StatusName } from "./reason.js";

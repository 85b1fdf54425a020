export { type Address, formatAddress } from "./address.js";
export { AdminServer, type Readiness } from "./admin-server.js";
export {
  type CallCounter,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  Metrics,
} from "./metrics.js";
export {
  address,
  durationMs,
  integer,
  type OptionSpec,
  type OptionValues,
  oneOf,
  option,
  type Program,
  parseOptions,
  required,
  text,
  toggle,
} from "./options.js";
export {
  type ProcessHost,
  type ProcessPlan,
  type RunningService,
  runProcess,
} from "./run-process.js";
export {
  type CommonConfig,
  type CommonOptions,
  commonOptions,
  type LogLevel,
} from "./service-options.js";
export { UsageError } from "./usage-error.js";

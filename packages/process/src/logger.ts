import type { Logger } from "@holdfast/core";
import { destination, pino, stdSerializers, stdTimeFunctions } from "pino";
import type { LogLevel } from "./service-options.js";

/** A logger that writes JSON lines to stderr. An `error` field is written with its causes. */
export function createLogger(name: string, level: LogLevel): Logger {
  return pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      serializers: { error: stdSerializers.errWithCause },
    },
    // Written at once: what a process logs last is what its end is explained by.
    destination({ fd: 2, sync: true }),
  );
}

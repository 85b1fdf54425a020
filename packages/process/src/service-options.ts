import type { Address } from "./address.js";
import {
  address,
  durationMs,
  type OptionSpec,
  type OptionValues,
  oneOf,
  option,
  toggle,
} from "./options.js";

/** Levels of the log, most talkative first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Options of every service process. */
export interface CommonOptions {
  readonly listen: OptionSpec<Address>;
  readonly adminListen: OptionSpec<Address>;
  readonly insecure: OptionSpec<boolean>;
  readonly drainDelayMs: OptionSpec<number>;
  readonly drainGraceMs: OptionSpec<number>;
  readonly logLevel: OptionSpec<LogLevel>;
}

/** Their parsed values. */
export type CommonConfig = OptionValues<CommonOptions>;

/** The options every service process has, with this one's default addresses. */
export function commonOptions(listen: string, adminListen: string): CommonOptions {
  return {
    listen: option("--listen <host:port>", "address of the gRPC server", listen, address),
    adminListen: option(
      "--admin-listen <host:port>",
      "address of /metrics, /healthz and /readyz",
      adminListen,
      address,
    ),
    insecure: toggle("--insecure", "serve beyond loopback without TLS"),
    drainDelayMs: option(
      "--drain-delay <duration>",
      "on SIGTERM: how long new calls are refused before running streams end",
      "2s",
      durationMs,
    ),
    drainGraceMs: option(
      "--drain-grace <duration>",
      "on SIGTERM: after this everything is ended hard",
      "30s",
      durationMs,
    ),
    logLevel: option(
      "--log-level <level>",
      "least level that is logged: debug, info, warn, error",
      "info",
      oneOf("debug", "info", "warn", "error"),
    ),
  };
}

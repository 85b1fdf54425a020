import { writeSync } from "node:fs";
import type { Logger } from "@holdfast/core";
import { requireSafeListen } from "./address.js";
import { requireFreeAddresses } from "./free-address.js";
import { createLogger } from "./logger.js";
import type { CommonConfig } from "./service-options.js";
import { UsageError } from "./usage-error.js";

/** A service that serves. */
export interface RunningService {
  /** Addresses it listens on, for the ready line. */
  readonly listen: string;
  readonly admin: string;
  /** Goes down in order; at once when `hurry` aborts. */
  drain(hurry: AbortSignal): Promise<void>;
  /** Closes what is left: engines, files, the admin listener. */
  stop(): Promise<void>;
}

/** What a service may ask of its process. */
export interface ProcessHost {
  readonly logger: Logger;
  /** Ends the process with exit code 1, now: the engine failed, going on would lie. */
  readonly fatal: (error: unknown, message: string) => void;
}

/** How a service process begins. */
export interface ProcessPlan<C extends CommonConfig> {
  readonly name: string;
  /** Reads the configuration. @throws UsageError. */
  readonly configure: () => C;
  /** Opens everything and begins to serve; both addresses are safe, and were free. */
  readonly start: (config: C, host: ProcessHost) => Promise<RunningService>;
}

/** After a second signal everything has this long to end, milliseconds. */
const HURRY_MS_MAX = 10_000;

/**
 * Runs a service from its configuration to its exit: one ready line on stdout, logs on stderr.
 * SIGTERM or SIGINT drains (exit 0; at once while it starts), a second one ends it hard. Exit 2 for a wrong command line,
 * 1 for any failure; an unhandled rejection or exception is one.
 */
export async function runProcess<C extends CommonConfig>(plan: ProcessPlan<C>): Promise<void> {
  const config = configure(plan);
  const logger = createLogger(plan.name, config.logLevel);
  const fatal = (error: unknown, message: string): void => {
    logger.error({ error }, message);
    process.exit(1);
  };
  process.on("uncaughtException", (error) => fatal(error, "uncaught exception"));
  process.on("unhandledRejection", (error) => fatal(error, "unhandled rejection"));

  const hurry = new AbortController();
  let signals = 0;
  const stopping = new Promise<undefined>((resolve) => {
    const onSignal = (signal: string): void => {
      signals += 1;
      logger.info({ signal }, signals === 1 ? "draining" : "ending now");
      resolve(undefined);
      if (signals < 2) return;
      hurry.abort();
      setTimeout(() => fatal(undefined, "did not end in time"), HURRY_MS_MAX).unref();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
  // Timers of a drain do not keep the process alive; this does, until it is over.
  const alive = setInterval(() => undefined, 60_000);

  try {
    const starting = start(plan, config, { logger, fatal }).catch((error: unknown) =>
      failStart(plan.name, logger, error),
    );
    // A start is not waited for: it promised nothing to anybody yet.
    const service = await Promise.race([starting, stopping]);
    if (service !== undefined) {
      printReady(service);
      logger.info({ listen: service.listen, admin: service.admin }, "ready");
      await stopping;
      await service.drain(hurry.signal);
      await service.stop();
    }
  } catch (error) {
    fatal(error, "failed");
  }
  clearInterval(alive);
  logger.info({}, "ended");
  process.exit(0);
}

async function start<C extends CommonConfig>(
  plan: ProcessPlan<C>,
  config: C,
  host: ProcessHost,
): Promise<RunningService> {
  await requireFreeAddresses([config.listen, config.adminListen]);
  return plan.start(config, host);
}

/** Behind the log stands a sentence, for who starts it by hand. */
function failStart(name: string, logger: Logger, error: unknown): never {
  logger.error({ error }, "could not start");
  const why = error instanceof Error ? error.message : String(error);
  writeSync(2, `${name} could not start: ${why}\n`);
  process.exit(1);
}

/** Prints the one line on stdout that others wait for. */
function printReady({ listen, admin }: { listen: string; admin: string }): void {
  writeSync(1, `${JSON.stringify({ ready: true, listen, admin })}\n`);
}

function configure<C extends CommonConfig>(plan: ProcessPlan<C>): C {
  try {
    const config = plan.configure();
    requireSafeListen(config.listen, config.insecure);
    requireSafeListen(config.adminListen, config.insecure);
    return config;
  } catch (error) {
    if (error instanceof UsageError) return exitWithUsage(error);
    throw error;
  }
}

function exitWithUsage(error: UsageError): never {
  writeSync(error.exitCode === 0 ? 1 : 2, `${error.message}\n`);
  process.exit(error.exitCode);
}

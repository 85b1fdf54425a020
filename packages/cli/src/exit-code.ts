import type { Reason } from "@holdfast/core";
import { failureOf } from "./failure.js";
import { Interrupted } from "./interrupted.js";

/** Exit codes, which scripts rely on. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  damaged: 3,
  held: 4,
  quota: 5,
  unavailable: 6,
  credentials: 7,
  sigint: 130,
  sigterm: 143,
} as const;

/** Reasons of services whose exit code is not that of their status. */
const BY_REASON: Partial<Record<Reason, number>> = {
  PROOF_INVALID: EXIT.damaged,
  LEASE_HELD: EXIT.held,
  RESTORE_IN_PROGRESS: EXIT.held,
  FENCED: EXIT.held,
  NO_SLOT: EXIT.unavailable,
};

const BY_CODE: Readonly<Record<string, number>> = {
  DATA_LOSS: EXIT.damaged,
  UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  UNAUTHENTICATED: EXIT.credentials,
  PERMISSION_DENIED: EXIT.credentials,
};

/** The exit code of a command that failed with this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) {
    return error.signalName === "SIGINT" ? EXIT.sigint : EXIT.sigterm;
  }
  const { reason, code } = failureOf(error);
  return (BY_REASON as Record<string, number>)[reason] ?? BY_CODE[code] ?? EXIT.failed;
}

import { constants, getPriority, setPriority } from "node:os";

// On Linux the priority "of the calling process" is that of the calling thread (setpriority(2),
// "C library/kernel differences"); elsewhere it would be that of the whole process, and both
// functions do nothing.
const { PRIORITY_ABOVE_NORMAL, PRIORITY_BELOW_NORMAL, PRIORITY_HIGHEST, PRIORITY_LOW } =
  constants.priority;

/**
 * Makes this thread, and those it starts from now on, wait for a processor behind the one that
 * started it.
 */
export function giveWay(): void {
  change(PRIORITY_BELOW_NORMAL);
}

/**
 * Lets this thread, and those it starts from now on, have a processor before others, where the
 * system permits it: that takes CAP_SYS_NICE, or an RLIMIT_NICE that allows it (docs/adr/0014).
 */
export function goFirst(): void {
  change(PRIORITY_ABOVE_NORMAL);
}

/** Without the right nothing changes: it is slower then, not wrong. */
function change(by: number): void {
  if (process.platform !== "linux") return;
  const priority = Math.min(Math.max(getPriority() + by, PRIORITY_HIGHEST), PRIORITY_LOW);
  try {
    setPriority(priority);
  } catch (error) {
    if (!isNotPermitted(error)) throw error;
  }
}

function isNotPermitted(error: unknown): boolean {
  const code = (error as { info?: { code?: unknown } }).info?.code;
  return code === "EACCES" || code === "EPERM";
}

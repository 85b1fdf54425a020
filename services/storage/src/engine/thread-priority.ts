import { constants, getPriority, setPriority } from "node:os";

// On Linux the priority "of the calling process" is that of the calling thread (setpriority(2),
// "C library/kernel differences"); elsewhere it would be that of the whole process, and both
// functions do nothing.
const { PRIORITY_ABOVE_NORMAL, PRIORITY_BELOW_NORMAL, PRIORITY_HIGHEST, PRIORITY_LOW } =
  constants.priority;

/** Makes this thread wait for a processor behind the one that started it. */
export function giveWay(): void {
  if (process.platform !== "linux") return;
  setPriority(Math.min(getPriority() + PRIORITY_BELOW_NORMAL, PRIORITY_LOW));
}

/**
 * Lets this thread, and those it starts from now on, have a processor before others, where the
 * system permits it: that takes CAP_SYS_NICE, or an RLIMIT_NICE that allows it (docs/adr/0014).
 * Without the right nothing changes.
 */
export function goFirst(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(Math.max(getPriority() + PRIORITY_ABOVE_NORMAL, PRIORITY_HIGHEST));
  } catch (error) {
    if (!isNotPermitted(error)) throw error;
  }
}

function isNotPermitted(error: unknown): boolean {
  const code = (error as { info?: { code?: unknown } }).info?.code;
  return code === "EACCES" || code === "EPERM";
}

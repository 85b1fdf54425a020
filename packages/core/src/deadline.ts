import { HoldfastError } from "./error.js";

/** The error of a call whose time is over. */
export function deadlineExceeded(): HoldfastError {
  return new HoldfastError(
    "DEADLINE_EXCEEDED",
    "The call's time is over. Ask for less, or allow a longer deadline.",
  );
}

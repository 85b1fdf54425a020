/** A timer that can be given up. */
export interface Timer {
  /** Gives the timer up; a timer that fired or was cancelled is left as it is. */
  cancel(): void;
}

/** Time, injected wherever time is logic; `ManualClock` of @holdfast/testing stands in for it. */
export interface Clock {
  /** Microseconds since 1970-01-01 UTC. May jump. */
  wallUs(): bigint;
  /** Milliseconds since some moment; never goes back. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs` (clamped to 0..2^31-1); does not keep the process alive. */
  setTimer(delayMs: number, fire: () => void): Timer;
}

/** Longest delay a Node timer takes; a longer one would fire at once. */
const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = {
  wallUs: () => BigInt(Date.now()) * 1000n,
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fire) {
    const handle = setTimeout(fire, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Waits `delayMs`.
 * @throws the signal's reason, at once, when it is aborted before or meanwhile.
 */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

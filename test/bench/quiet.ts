import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const SAMPLE_MS = 500;
const SAMPLES_MAX = 120;
/** Quiet samples in a row that are waited for. */
const QUIET_SAMPLES = 2;
const BUSY_MAX = 0.05;

/**
 * Waits until the machine has little to do, a minute at most: a store that was just loaded goes on
 * working for a while, and would slow down whatever is measured next.
 */
export async function quiet(): Promise<void> {
  let before = ticks();
  for (let sample = 0, calm = 0; sample < SAMPLES_MAX && calm < QUIET_SAMPLES; sample++) {
    await delay(SAMPLE_MS);
    const now = ticks();
    const busy = (now.busy - before.busy) / (now.all - before.all);
    calm = busy < BUSY_MAX ? calm + 1 : 0;
    before = now;
  }
}

/** Time of all processors since boot, in ticks: user, nice, system, idle, iowait, … */
function ticks(): { busy: number; all: number } {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const times = line.trim().split(/\s+/).slice(1).map(Number);
  const all = times.reduce((sum, time) => sum + time, 0);
  return { busy: all - (times[3] ?? 0), all };
}

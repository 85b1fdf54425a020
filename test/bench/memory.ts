import { readFileSync } from "node:fs";

const SAMPLE_MS = 50;

/** Anonymous memory of a process (`RssAnon`: LMDB's file pages do not count), bytes. */
export function rssAnonBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** The most anonymous memory of processes while something runs, bytes, by their names. */
export type Peaks = Record<string, number>;

/** Runs `work` and finds the peak of each of these processes meanwhile; one may end before it. */
export async function peaksWhile<T>(
  pids: Readonly<Record<string, number | undefined>>,
  work: () => Promise<T>,
): Promise<{ result: T; peaks: Peaks }> {
  const peaks: Peaks = {};
  const sample = (): void => {
    for (const [name, pid] of Object.entries(pids)) {
      if (pid !== undefined) peaks[name] = Math.max(peaks[name] ?? 0, rssAnonBytesOrZero(pid));
    }
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    return { result: await work(), peaks };
  } finally {
    clearInterval(timer);
  }
}

function rssAnonBytesOrZero(pid: number): number {
  try {
    return rssAnonBytes(pid);
  } catch {
    return 0;
  }
}

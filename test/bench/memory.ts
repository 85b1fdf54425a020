import { readFileSync } from "node:fs";

const SAMPLE_MS = 50;

/** Anonymous memory of a process (`RssAnon`: LMDB's file pages do not count), bytes. */
export function rssAnonBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** Runs `work` and finds the most anonymous memory of the process meanwhile, bytes. */
export async function peakWhile<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; peakBytes: number }> {
  let peakBytes = rssAnonBytes(pid);
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, rssAnonBytes(pid));
  }, SAMPLE_MS);
  try {
    return { result: await work(), peakBytes };
  } finally {
    clearInterval(timer);
  }
}

import type { StorageParts } from "./storage-parts.js";

/** Metrics of the parts, read when somebody asks for them. */
export function observeParts({ metrics, committer, disk, lessor }: StorageParts): void {
  metrics.observedCounter("commit_blocks_total", "Blocks committed", () => committer.counts.blocks);
  metrics.observedCounter(
    "commit_refused_total",
    "Blocks refused because the queue was full",
    () => committer.counts.refused,
  );
  metrics.observedGauge(
    "commit_waiting_blocks",
    "Blocks that wait for the committer",
    () => committer.counts.waiting,
  );
  // A disk that cannot be looked at must not take the other metrics with it.
  metrics.observedGauge("disk_free_bytes", "Free disk, NaN when it cannot be told", () =>
    disk.freeBytes().then(Number, () => Number.NaN),
  );
  metrics.observedGauge("leases_active", "Leases that are held", () => lessor.activeCount);
}

import type { Metrics } from "@holdfast/process";
import type { Admission } from "./admission/admission.js";
import type { StorageChannels } from "./storage/storage-channels.js";
import type { StorageProbe } from "./storage/storage-probe.js";

/** What the gateway's numbers are read from. */
export interface MetricSources {
  readonly admission: Admission;
  readonly channels: StorageChannels;
  readonly probe: StorageProbe;
}

/** Registers the gateway's own numbers; calls and bytes are counted where they are served. */
export function gatewayMetrics(metrics: Metrics, sources: MetricSources): void {
  const { admission, channels, probe } = sources;
  const lanes = [
    ["stream", admission.streams],
    ["unary", admission.unary],
    ["lease", admission.leases],
  ] as const;
  for (const [lane, executor] of lanes) {
    const what = `${lane} calls`;
    metrics.observedGauge(
      `${lane}_slots_taken`,
      `Slots that ${what} hold`,
      () => executor.counts.running,
    );
    metrics.observedGauge(
      `${lane}_waiting_calls`,
      `Waiting ${what}`,
      () => executor.counts.waiting,
    );
    metrics.observedCounter(
      `${lane}_calls_refused_total`,
      `Refused ${what}: the waiting list was full, or the wait too long`,
      () => executor.counts.refused + executor.counts.timedOut,
    );
    metrics.observedCounter(
      `${lane}_waits_abandoned_total`,
      `Callers of ${what} that left while they waited`,
      () => executor.counts.abandoned,
    );
  }
  metrics.observedGauge("upstream_channels_open", "Connections to storage", () => channels.open);
  metrics.observedCounter(
    "upstream_channels_retired_total",
    "Connections to storage that were replaced",
    () => channels.retired,
  );
  metrics.observedGauge("storage_reachable_bool", "1 unless storage has been away for 5 s", () =>
    probe.present ? 1 : 0,
  );
}

import { ScanPool } from "./engine/scan-pool.js";
import { backupService } from "./rpc/backup-service.js";
import type { ServedService } from "./rpc/storage-service.js";
import type { StorageParts } from "./storage-parts.js";

/** Threads that fill frames. */
const SCAN_THREADS = 2;
/** Frames that wait for a thread; a stream asks for one at a time. */
const SCAN_WAITING_MAX = 1_024;

/** BackupService on the parts of a storage process. */
export function openBackupService(parts: StorageParts): ServedService {
  const { clock, fail, lessor, live, metrics } = parts;
  const options = { threads: SCAN_THREADS, waitingMax: SCAN_WAITING_MAX };
  const scans = new ScanPool(options, { onFailure: fail });
  parts.onClose(() => scans.close());
  parts.onRetire((path) => scans.closeGeneration(path));
  const service = backupService({ live, scans, leases: lessor, clock });
  metrics.observedGauge("scans_running", "Streams and scans that run", service.scansRunning);
  metrics.observedGauge("read_transactions", "Read transactions open in LMDB", () =>
    live.readTransactions(),
  );
  return service;
}

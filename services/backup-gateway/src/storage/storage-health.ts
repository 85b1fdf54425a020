import { grpcHealthV1 } from "@holdfast/api";
import type { RawClient } from "@holdfast/rpc";

/** An answer that takes longer is none. */
const CHECK_MS_MAX = 2_000;
const CHECK_PATH: string = grpcHealthV1.HealthService.check.path;

/**
 * Asks storage whether it can serve backups.
 * @throws when it cannot, or cannot be reached.
 */
export async function checkStorage(client: RawClient, signal: AbortSignal): Promise<void> {
  const request = grpcHealthV1.HealthCheckRequest.encode({
    service: "holdfast.backup.v1.BackupService",
  }).finish();
  const call = { signal, timeoutMs: CHECK_MS_MAX };
  const answer = await client.unary(CHECK_PATH, Buffer.from(request), call);
  const { status } = grpcHealthV1.HealthCheckResponse.decode(answer);
  if (status !== grpcHealthV1.HealthCheckResponse_ServingStatus.SERVING) {
    throw new Error("It does not serve backups now: it opens, drains or publishes a restore.");
  }
}

import { restore as wire } from "@holdfast/api";
import { BoundedExecutor, type Clock, limits } from "@holdfast/core";
import { clientStreaming, rawRequest, unary } from "@holdfast/rpc";
import type { Restorer } from "../restore/restorer.js";
import { beginRestore } from "./begin-restore.js";
import { getRestoreSession } from "./get-restore-session.js";
import { publishedState } from "./published-state.js";
import type { ServedService } from "./storage-service.js";
import { uploadStateTiles } from "./upload-state-tiles.js";

/** Descriptions of a restore at the same time, and callers that wait: one thread answers all. */
const DESCRIPTIONS = 16;
const DESCRIPTION_WAITERS_MAX = 256;
/** Calls that finish or abort restores at the same time: each waits for the one before. */
const ENDINGS = 16;

/** RestoreService: what needs more than a line has a file of its own beside this one. */
export function restoreService(restorer: Restorer, clock: Clock): ServedService {
  const { RestoreServiceService: definition } = wire;
  const waitMsMax = limits.SLOT_WAIT_MS_MAX;
  const descriptions = new BoundedExecutor(
    { slots: DESCRIPTIONS, waitersMax: DESCRIPTION_WAITERS_MAX, waitMsMax },
    clock,
  );
  const endings = new BoundedExecutor({ slots: ENDINGS, waitersMax: 0, waitMsMax }, clock);
  return {
    definition: { ...definition, uploadStateTiles: rawRequest(definition.uploadStateTiles) },
    implementation: {
      beginRestore: clientStreaming<wire.BeginRestoreRequest, wire.BeginRestoreResponse>(
        (requests, context) => beginRestore(restorer, requests, context),
      ),
      getRestoreSession: unary((request: wire.GetRestoreSessionRequest, { signal }) =>
        descriptions.run(signal, () => getRestoreSession(restorer, request)),
      ),
      uploadStateTiles: clientStreaming<Buffer, wire.UploadStateTilesResponse>(
        (requests, context) => uploadStateTiles(restorer, requests, context),
      ),
      finishRestore: unary((request: wire.FinishRestoreRequest, { signal }) =>
        endings.run(signal, async () => {
          const session = await restorer.finish(request.sessionId, authorityOf(request));
          return { state: publishedState(session) };
        }),
      ),
      abortRestore: unary((request: wire.AbortRestoreRequest, { signal }) =>
        endings.run(signal, async () => {
          await restorer.abort(request.sessionId, authorityOf(request));
          return {};
        }),
      ),
    },
  };
}

function authorityOf(request: wire.FinishRestoreRequest | wire.AbortRestoreRequest): {
  leaseId: string;
  token: bigint;
} {
  return { leaseId: request.leaseId, token: request.fencingToken };
}

import { restore as wire } from "@holdfast/api";
import { clientStreaming, rawRequest, unary } from "@holdfast/rpc";
import type { Restorer } from "../restore/restorer.js";
import { beginRestore } from "./begin-restore.js";
import { getRestoreSession } from "./get-restore-session.js";
import { publishedState } from "./published-state.js";
import type { ServedService } from "./storage-service.js";
import { uploadStateTiles } from "./upload-state-tiles.js";

/** RestoreService: what needs more than a line has a file of its own beside this one. */
export function restoreService(restorer: Restorer): ServedService {
  const { RestoreServiceService: definition } = wire;
  return {
    definition: { ...definition, uploadStateTiles: rawRequest(definition.uploadStateTiles) },
    implementation: {
      beginRestore: clientStreaming<wire.BeginRestoreRequest, wire.BeginRestoreResponse>(
        (requests, context) => beginRestore(restorer, requests, context),
      ),
      getRestoreSession: unary((request: wire.GetRestoreSessionRequest) =>
        getRestoreSession(restorer, request),
      ),
      uploadStateTiles: clientStreaming<Buffer, wire.UploadStateTilesResponse>(
        (requests, context) => uploadStateTiles(restorer, requests, context),
      ),
      finishRestore: unary(async (request: wire.FinishRestoreRequest) => {
        const session = await restorer.finish(request.sessionId, authorityOf(request));
        return { state: publishedState(session) };
      }),
      abortRestore: unary(async (request: wire.AbortRestoreRequest) => {
        await restorer.abort(request.sessionId, authorityOf(request));
        return {};
      }),
    },
  };
}

function authorityOf(request: wire.FinishRestoreRequest | wire.AbortRestoreRequest): {
  leaseId: string;
  token: bigint;
} {
  return { leaseId: request.leaseId, token: request.fencingToken };
}

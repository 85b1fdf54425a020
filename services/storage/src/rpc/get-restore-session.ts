import { restore as wire } from "@holdfast/api";
import { isPath } from "@holdfast/merkle";
import type { RestoreState } from "../restore/restore-session.js";
import type { Restorer } from "../restore/restorer.js";
import { pageSize } from "./page-size.js";
import { pageTokenInvalid } from "./page-token.js";
import { timestampMessage } from "./state-messages.js";

const PATHS_MAX = 1_000;

const STATES: Readonly<Record<RestoreState, wire.RestoreState>> = {
  building: wire.RestoreState.BUILDING,
  published: wire.RestoreState.PUBLISHED,
  aborted: wire.RestoreState.ABORTED,
};

/** GetRestoreSession: a page token is the last path given, with the restore it is of. */
export async function getRestoreSession(
  restorer: Restorer,
  { sessionId, pageSize: asked, pageToken }: wire.GetRestoreSessionRequest,
): Promise<wire.GetRestoreSessionResponse> {
  const size = pageSize(asked, PATHS_MAX, PATHS_MAX);
  const after = pageToken === "" ? "" : parseToken(sessionId, pageToken);
  const { session, tilesDone, pendingPaths } = await restorer.get(sessionId, after, size);
  const paths = pendingPaths.slice(0, size);
  const last = paths.at(-1);
  const hasMore = pendingPaths.length > size && last !== undefined;
  const { info, tileCount } = session.plan;
  return {
    sessionId,
    state: STATES[session.state],
    version: info.version,
    stateRoot: info.stateRoot ?? Buffer.alloc(0),
    tileCount: BigInt(tileCount),
    tilesDone: BigInt(tilesDone),
    pendingPaths: paths,
    nextPageToken: hasMore ? tokenOf(sessionId, last) : "",
    ownerToken: session.ownerToken,
    beginTime: timestampMessage(session.beginTimeUs),
  };
}

function tokenOf(sessionId: string, path: string): string {
  return Buffer.from(`${sessionId}:${path}`).toString("base64url");
}

function parseToken(sessionId: string, token: string): string {
  const [id, path = ""] = Buffer.from(token, "base64url").toString().split(":");
  if (id !== sessionId || path === "" || !isPath(path) || tokenOf(sessionId, path) !== token) {
    throw pageTokenInvalid();
  }
  return path;
}

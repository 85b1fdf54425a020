import { lease as leaseWire, type restore, type types } from "@holdfast/api";
import { callClientStreaming, callUnary } from "@holdfast/rpc";
import { type BackupTile, headOf, type ModelBackup } from "./model-backup.js";
import type { StorageClients } from "./running-storage.js";

const TIMEOUT_MS = 60_000;
const PART_BYTES = 50_000;

/** One job that holds the exclusive lease and restores a backup, step by step. */
export class RestoreJob {
  readonly #clients: StorageClients;
  readonly #signal: AbortSignal = new AbortController().signal;
  leaseId = "";
  token = 0n;
  sessionId = "";

  constructor(clients: StorageClients) {
    this.#clients = clients;
  }

  get #call(): { signal: AbortSignal; timeoutMs: number } {
    return { signal: this.#signal, timeoutMs: TIMEOUT_MS };
  }

  get #authority(): { sessionId: string; leaseId: string; fencingToken: bigint } {
    return { sessionId: this.sessionId, leaseId: this.leaseId, fencingToken: this.token };
  }

  async acquire(ttlMs = 60_000): Promise<void> {
    const { lease } = this.#clients;
    const request = {
      kind: leaseWire.LeaseKind.EXCLUSIVE,
      holderLabel: "a restore",
      purpose: "test",
      ttl: { seconds: BigInt(ttlMs / 1_000), nanos: 0 },
      pin: undefined,
      requestId: "",
    };
    const answer = await callUnary(lease.acquireLease.bind(lease), request, this.#call);
    this.leaseId = answer.lease?.leaseId ?? "";
    this.token = answer.lease?.fencingToken ?? 0n;
  }

  async release(): Promise<void> {
    const { lease } = this.#clients;
    const request = { leaseId: this.leaseId };
    await callUnary(lease.releaseLease.bind(lease), request, this.#call);
  }

  /** Names the live state as it is now, unless told otherwise. */
  async begin(
    backup: ModelBackup,
    changes: Partial<restore.BeginRestoreHead> = {},
  ): Promise<restore.BeginRestoreResponse> {
    const head = await this.#headOf(backup, changes);
    const messages: restore.BeginRestoreRequest[] = [{ part: { $case: "head", value: head } }];
    for (let at = 0; at < backup.tiles.length; at += 100) {
      const tiles = backup.tiles.slice(at, at + 100).map(({ message }) => message);
      messages.push({ part: { $case: "tiles", value: { tiles } } });
    }
    const client = this.#clients.restore;
    const answer = await callClientStreaming(
      client.beginRestore.bind(client),
      messages,
      this.#call,
    );
    this.sessionId = answer.sessionId;
    return answer;
  }

  /** Begins and owes the tiles. @returns leaves the call. */
  async beginHalf(backup: ModelBackup): Promise<() => void> {
    const head = await this.#headOf(backup, {});
    const call = this.#clients.restore.beginRestore(() => undefined);
    call.on("error", () => undefined);
    call.write({ part: { $case: "head", value: head } });
    return () => call.cancel();
  }

  upload(
    tiles: readonly Pick<BackupTile, "path" | "body">[],
  ): Promise<restore.UploadStateTilesResponse> {
    const client = this.#clients.restore;
    const messages: restore.UploadStateTilesRequest[] = [
      { part: { $case: "head", value: this.#authority } },
      ...tiles.flatMap(partsOf),
    ];
    return callClientStreaming(client.uploadStateTiles.bind(client), messages, this.#call);
  }

  async finish(): Promise<types.DbState> {
    const client = this.#clients.restore;
    const answer = await callUnary(client.finishRestore.bind(client), this.#authority, this.#call);
    if (answer.state === undefined) throw new Error("the answer has no state");
    return answer.state;
  }

  async abort(): Promise<void> {
    const client = this.#clients.restore;
    await callUnary(client.abortRestore.bind(client), this.#authority, this.#call);
  }

  session(pageSize = 0, pageToken = ""): Promise<restore.GetRestoreSessionResponse> {
    const client = this.#clients.restore;
    const request = { sessionId: this.sessionId, pageSize, pageToken };
    return callUnary(client.getRestoreSession.bind(client), request, this.#call);
  }

  async #headOf(
    backup: ModelBackup,
    changes: Partial<restore.BeginRestoreHead>,
  ): Promise<restore.BeginRestoreHead> {
    const live = await this.dbState();
    return headOf(backup, {
      leaseId: this.leaseId,
      fencingToken: this.token,
      liveHistoryId: live.histories[0]?.historyId ?? Buffer.alloc(0),
      liveCommittedVersion: live.committedVersion,
      liveStateRoot: live.stateRoot,
      ...changes,
    });
  }

  async dbState(): Promise<types.DbState> {
    const client = this.#clients.storage;
    const answer = await callUnary(client.getDbState.bind(client), {}, this.#call);
    if (answer.state === undefined) throw new Error("the answer has no state");
    return answer.state;
  }
}

function partsOf({
  path,
  body,
}: Pick<BackupTile, "path" | "body">): restore.UploadStateTilesRequest[] {
  const parts: restore.UploadStateTilesRequest[] = [];
  for (let at = 0; at === 0 || at < body.length; at += PART_BYTES) {
    const last = at + PART_BYTES >= body.length;
    const data = body.subarray(at, at + PART_BYTES);
    parts.push({ part: { $case: "tilePart", value: { path, data, last } } });
  }
  return parts;
}

import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { storage } from "@holdfast/api";
import { BoundedExecutor, type Clock, limits } from "@holdfast/core";
import { rawRequest, unary } from "@holdfast/rpc";
import type { LiveGeneration } from "../engine/live-generation.js";
import type { Committer } from "../ledger/committer.js";
import type { Pruner } from "../ledger/pruner.js";
import { commitBlock } from "./commit-block.js";
import { dbStateMessage } from "./db-state.js";
import { getConsistencyProof } from "./get-consistency-proof.js";
import { getState } from "./get-state.js";
import { getTransaction } from "./get-transaction.js";
import { listState } from "./list-state.js";
import { prune } from "./prune.js";
import { readLive } from "./read-live.js";

/** What the methods of StorageService work with. */
export interface StorageServiceDependencies {
  readonly live: LiveGeneration;
  readonly committer: Committer;
  readonly pruner: Pruner;
  readonly clock: Clock;
}

/** Prune calls that wait for the one that runs; more of them would only repeat it. */
const PRUNE_WAITERS_MAX = 16;

/** A service for `GrpcServer.add`. */
export interface ServedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** StorageService: one file for each method beside this one. */
export function storageService(dependencies: StorageServiceDependencies): ServedService {
  const { live, committer, pruner, clock } = dependencies;
  const prunes = new BoundedExecutor(
    { slots: 1, waitersMax: PRUNE_WAITERS_MAX, waitMsMax: limits.SLOT_WAIT_MS_MAX },
    clock,
  );
  const { StorageServiceService: definition } = storage;
  return {
    definition: { ...definition, commitBlock: rawRequest(definition.commitBlock) },
    implementation: {
      commitBlock: unary((request: Buffer, context) => commitBlock(committer, request, context)),
      getState: unary(async (request: storage.GetStateRequest) => getState(live, request)),
      listState: unary((request: storage.ListStateRequest, context) =>
        listState(live, request, context),
      ),
      getDbState: unary(async () => ({ state: readLive(live, dbStateMessage) })),
      getTransaction: unary(async (request: storage.GetTransactionRequest) =>
        getTransaction(live, request),
      ),
      getConsistencyProof: unary(async (request: storage.GetConsistencyProofRequest) =>
        getConsistencyProof(live, request),
      ),
      prune: unary((request: storage.PruneRequest, context) =>
        prunes.run(context.signal, () => prune(pruner, request, context)),
      ),
    },
  };
}

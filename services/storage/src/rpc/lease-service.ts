import { lease as wire } from "@holdfast/api";
import { unary } from "@holdfast/rpc";
import type { Lessor } from "../lease/lessor.js";
import { acquireLease } from "./acquire-lease.js";
import { leaseMessage } from "./lease-messages.js";
import { listLeases } from "./list-leases.js";
import type { ServedService } from "./storage-service.js";

/** LeaseService: what needs more than a line has a file of its own beside this one. */
export function leaseService({ lessor }: { readonly lessor: Lessor }): ServedService {
  return {
    definition: wire.LeaseServiceService,
    implementation: {
      acquireLease: unary((request: wire.AcquireLeaseRequest, context) =>
        acquireLease(lessor, request, context),
      ),
      renewLease: unary(async ({ leaseId }: wire.RenewLeaseRequest) => ({
        lease: leaseMessage(await lessor.renew(leaseId)),
      })),
      releaseLease: unary(async ({ leaseId }: wire.ReleaseLeaseRequest) => {
        await lessor.release(leaseId);
        return {};
      }),
      getLease: unary(async ({ leaseId }: wire.GetLeaseRequest) => ({
        lease: leaseMessage(await lessor.get(leaseId)),
      })),
      listLeases: unary(async (request: wire.ListLeasesRequest) => listLeases(lessor, request)),
      breakLease: unary(async ({ leaseId, ifToken }: wire.BreakLeaseRequest) => ({
        lease: leaseMessage(await lessor.break(leaseId, ifToken ?? null)),
      })),
    },
  };
}

import { BoundedExecutor, type Clock, limits } from "@holdfast/core";

/** How much runs and waits in each lane; the defaults are the contract's. */
export interface AdmissionLimits {
  /** Streams and uploads at the same time. @default 256 */
  readonly streamSlots?: number;
  /** @default 1,000 */
  readonly streamWaitersMax?: number;
  /** @default 20 s */
  readonly waitMsMax?: number;
}

/** Unary calls are short: this many at once keep storage busy, the rest waits a moment. */
const UNARY_SLOTS = 128;
const UNARY_WAITERS_MAX = 512;
/** Lease calls are shorter still, and come once in ten seconds of a job. */
const LEASE_SLOTS = 64;
const LEASE_WAITERS_MAX = 512;

/**
 * Who may go on. Streams and uploads share the gateway's slots; unary calls hold none of them,
 * because a job whose streams wait for slots must still be able to renew its lease, and lease
 * calls have a lane of their own, because a flood of proofs must not let leases expire.
 */
export class Admission {
  readonly streams: BoundedExecutor;
  readonly unary: BoundedExecutor;
  readonly leases: BoundedExecutor;

  constructor(clock: Clock, given: AdmissionLimits = {}) {
    const waitMsMax = given.waitMsMax ?? limits.SLOT_WAIT_MS_MAX;
    this.streams = new BoundedExecutor(
      {
        slots: given.streamSlots ?? limits.GATEWAY_SLOTS,
        waitersMax: given.streamWaitersMax ?? limits.SLOT_WAITERS_MAX,
        waitMsMax,
      },
      clock,
    );
    this.unary = new BoundedExecutor(
      { slots: UNARY_SLOTS, waitersMax: UNARY_WAITERS_MAX, waitMsMax },
      clock,
    );
    this.leases = new BoundedExecutor(
      { slots: LEASE_SLOTS, waitersMax: LEASE_WAITERS_MAX, waitMsMax },
      clock,
    );
  }
}

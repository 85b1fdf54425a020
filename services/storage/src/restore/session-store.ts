import type { LeaseRecord } from "../lease/lease.js";
import type { RestoreSession } from "./restore-session.js";

/** What the control database keeps for restores. */
export interface SessionStore {
  /** All sessions it knows. */
  load(): readonly RestoreSession[];
  /**
   * Writes all of it in one transaction; durable when it resolves.
   * @throws ENGINE_FAILED.
   */
  write(change: SessionChange): Promise<void>;
  /**
   * The publish of a restore: its generation is live, its session published and its lease
   * released, in one transaction; durable when it resolves.
   * @throws ENGINE_FAILED.
   */
  publish(session: RestoreSession, released: LeaseRecord): Promise<void>;
}

/** One durable step of the session table. */
export interface SessionChange {
  readonly puts: readonly RestoreSession[];
  /** Ids of sessions that are forgotten. */
  readonly removals: readonly string[];
}

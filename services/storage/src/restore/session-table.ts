import type { RestoreSession } from "./restore-session.js";
import type { SessionStore } from "./session-store.js";

/** Ended restores that can still be described. */
export const ENDED_SESSIONS_MAX = 100;

/** The restores in memory and in the store; at most one is building. */
export class SessionTable {
  readonly #store: SessionStore;
  /** In order of begin. */
  readonly #sessions: Map<string, RestoreSession> = new Map();

  constructor(store: SessionStore) {
    this.#store = store;
    const known = [...store.load()].sort((a, b) => Number(a.beginTimeUs - b.beginTimeUs));
    for (const session of known) this.#sessions.set(session.sessionId, session);
  }

  get(sessionId: string): RestoreSession | undefined {
    return this.#sessions.get(sessionId);
  }

  /** The restore that is under way. */
  get building(): RestoreSession | null {
    for (const session of this.#sessions.values()) if (session.state === "building") return session;
    return null;
  }

  /** The restore whose last begin had this request id and token. */
  begunBy(requestId: string, token: bigint): RestoreSession | null {
    if (requestId === "") return null;
    for (const session of this.#sessions.values()) {
      if (session.begin.requestId === requestId && session.ownerToken === token) return session;
    }
    return null;
  }

  /** Writes these in one durable step; memory follows. */
  async put(...sessions: RestoreSession[]): Promise<void> {
    const removals = this.#forgettable();
    await this.#store.write({ puts: sessions, removals });
    for (const sessionId of removals) this.#sessions.delete(sessionId);
    this.follow(...sessions);
  }

  /** Memory follows what was written by other means. */
  follow(...sessions: RestoreSession[]): void {
    for (const session of sessions) this.#sessions.set(session.sessionId, session);
  }

  #forgettable(): string[] {
    const ended = [...this.#sessions.values()].filter(({ state }) => state !== "building");
    return ended
      .slice(0, Math.max(0, ended.length - ENDED_SESSIONS_MAX))
      .map(({ sessionId }) => sessionId);
  }
}

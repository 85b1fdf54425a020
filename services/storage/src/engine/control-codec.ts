import { HoldfastError } from "@holdfast/core";
import { decodeTransactionInfo, encodeTransactionInfo } from "@holdfast/merkle";
import type { LeaseKind, LeaseRecord, LeaseState } from "../lease/lease.js";
import type { RestoreSession, RestoreState } from "../restore/restore-session.js";

// Records of the control database are JSON text: few, small, and read by people when in need.
// Integers of 64 bits are decimal strings, bytes lower-case hex.

/** A lease as a row. */
export function encodeLease(lease: LeaseRecord): Buffer {
  return Buffer.from(
    JSON.stringify({
      lease_id: lease.leaseId,
      token: `${lease.token}`,
      kind: lease.kind,
      state: lease.state,
      holder_label: lease.holderLabel,
      purpose: lease.purpose,
      request_id: lease.requestId,
      ttl_ms: lease.ttlMs,
      pin: lease.pin === null ? null : [`${lease.pin.fromVersion}`, `${lease.pin.toVersion}`],
      history_id: lease.historyId === null ? null : hex(lease.historyId),
      acquire_time_us: `${lease.acquireTimeUs}`,
      end_time_us: optionalText(lease.endTimeUs),
    }),
  );
}

/** @throws ROW_CORRUPT. */
export function decodeLease(row: Buffer): LeaseRecord {
  return decode(row, "lease", (fields) => {
    const pin = fields["pin"];
    // Rows of older programs have none.
    const historyId = fields["history_id"] ?? null;
    return {
      leaseId: text(fields["lease_id"]),
      token: BigInt(text(fields["token"])),
      kind: oneOf<LeaseKind>(fields["kind"], ["shared", "exclusive"]),
      state: oneOf<LeaseState>(fields["state"], ["active", "expired", "released", "broken"]),
      holderLabel: text(fields["holder_label"]),
      purpose: text(fields["purpose"]),
      requestId: text(fields["request_id"]),
      ttlMs: whole(fields["ttl_ms"]),
      pin:
        pin === null
          ? null
          : { fromVersion: BigInt(text(list(pin)[0])), toVersion: BigInt(text(list(pin)[1])) },
      historyId: historyId === null ? null : bytes(historyId),
      acquireTimeUs: BigInt(text(fields["acquire_time_us"])),
      endTimeUs: optionalBigint(fields["end_time_us"]),
    };
  });
}

/** A restore as a row. */
export function encodeSession(session: RestoreSession): Buffer {
  const { plan, live, begin } = session;
  return Buffer.from(
    JSON.stringify({
      session_id: session.sessionId,
      state: session.state,
      generation: session.generation,
      owner_token: `${session.ownerToken}`,
      plan: {
        ledger_id: hex(plan.ledgerId),
        histories: plan.histories.map(({ historyId, forkVersion }) => [
          hex(historyId),
          optionalText(forkVersion),
        ]),
        info: hex(encodeTransactionInfo(plan.info)),
        log_siblings: plan.logSiblings.map(hex),
        tile_count: plan.tileCount,
        items: `${plan.items}`,
        bytes: `${plan.bytes}`,
        digest: hex(plan.digest),
      },
      live: {
        history_id: live.historyId === null ? null : hex(live.historyId),
        committed: optionalText(live.committed),
        state_root: hex(live.stateRoot),
      },
      begin: {
        request_id: begin.requestId,
        adopted: begin.adopted,
        tiles_done: begin.tilesDone,
      },
      begin_time_us: `${session.beginTimeUs}`,
      new_history_id: hex(session.newHistoryId),
    }),
  );
}

/** @throws ROW_CORRUPT. */
export function decodeSession(row: Buffer): RestoreSession {
  return decode(row, "restore session", (fields) => {
    const plan = object(fields["plan"]);
    const live = object(fields["live"]);
    const begin = object(fields["begin"]);
    return {
      sessionId: text(fields["session_id"]),
      state: oneOf<RestoreState>(fields["state"], ["building", "published", "aborted"]),
      generation: whole(fields["generation"]),
      ownerToken: BigInt(text(fields["owner_token"])),
      plan: {
        ledgerId: bytes(plan["ledger_id"]),
        histories: list(plan["histories"]).map((link) => ({
          historyId: bytes(list(link)[0]),
          forkVersion: optionalBigint(list(link)[1]),
        })),
        info: decodeTransactionInfo(bytes(plan["info"])),
        logSiblings: list(plan["log_siblings"]).map(bytes),
        tileCount: whole(plan["tile_count"]),
        items: BigInt(text(plan["items"])),
        bytes: BigInt(text(plan["bytes"])),
        digest: bytes(plan["digest"]),
      },
      live: {
        historyId: live["history_id"] === null ? null : bytes(live["history_id"]),
        committed: optionalBigint(live["committed"]),
        stateRoot: bytes(live["state_root"]),
      },
      begin: {
        requestId: text(begin["request_id"]),
        adopted: begin["adopted"] === true,
        tilesDone: whole(begin["tiles_done"]),
      },
      beginTimeUs: BigInt(text(fields["begin_time_us"])),
      newHistoryId: bytes(fields["new_history_id"]),
    };
  });
}

type Fields = Readonly<Record<string, unknown>>;

function decode<T>(row: Buffer, what: string, read: (fields: Fields) => T): T {
  try {
    return read(object(JSON.parse(row.toString("utf8"))));
  } catch (cause) {
    throw new HoldfastError("ROW_CORRUPT", `A ${what} row of the control database is corrupt.`, {
      metadata: { database: "control" },
      cause,
    });
  }
}

function object(value: unknown): Fields {
  if (typeof value !== "object" || value === null) throw new TypeError("not an object");
  return value as Fields;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a text");
  return value;
}

function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new TypeError("not a whole number");
  }
  return value;
}

function bytes(value: unknown): Buffer {
  const digits = text(value);
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new TypeError("not hex");
  return Buffer.from(digits, "hex");
}

function oneOf<T extends string>(value: unknown, choices: readonly T[]): T {
  const choice = choices.find((known) => known === value);
  if (choice === undefined) throw new TypeError("not a known word");
  return choice;
}

function optionalBigint(value: unknown): bigint | null {
  return value === null ? null : BigInt(text(value));
}

function optionalText(value: bigint | null): string | null {
  return value === null ? null : `${value}`;
}

function hex(value: Buffer): string {
  return value.toString("hex");
}

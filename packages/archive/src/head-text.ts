import { limits } from "@holdfast/core";
import { stateRootProofLogRoot } from "@holdfast/merkle";
import * as z from "zod/mini";
import { parseJson } from "./json-text.js";
import type { NewSnapshotHead, SnapshotHead } from "./snapshot-head.js";

/** Format of manifests and packs that this code writes and reads. */
export const FORMAT = 1;

const version = z.int().check(z.minimum(0), z.maximum(Number(limits.VERSION_MAX)));
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const id = z.string().check(z.regex(/^[0-9a-f]{32}$/));

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  kind: z.enum(["full", "delta"]),
  ledger_id: id,
  histories: z
    .array(z.strictObject({ history_id: id, fork_version: z.optional(version) }))
    .check(z.minLength(1)),
  version,
  state_root: hash,
  log_root: hash,
  root_proof: z.strictObject({
    version,
    commit_time_us: version,
    payload_hash: hash,
    write_set_hash: hash,
    event_root: hash,
    state_root: hash,
    log_siblings: z.array(hash),
  }),
  items: version,
  bytes: version,
  base: z.optional(
    z.strictObject({
      name: z.optional(z.string().check(z.maxLength(255))),
      version,
      state_root: hash,
    }),
  ),
  proved: z.boolean(),
  created_time: z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
});

/** What every format begins with. */
export const newerSchema: z.ZodMiniType<{ format: number }> = z.looseObject({
  format: z.int().check(z.minimum(FORMAT + 1)),
});

/** The first line of a manifest, without its line feed. */
export function encodeHead(head: SnapshotHead): string {
  const { info, logSiblings } = head.rootProof;
  const json: z.input<typeof headSchema> = {
    format: FORMAT,
    kind: head.kind,
    ledger_id: head.ledgerId.toString("hex"),
    histories: head.histories.map(({ historyId, forkVersion }) => ({
      history_id: historyId.toString("hex"),
      ...(forkVersion === undefined ? {} : { fork_version: Number(forkVersion) }),
    })),
    version: Number(head.version),
    state_root: head.stateRoot.toString("hex"),
    log_root: head.logRoot.toString("hex"),
    root_proof: {
      version: Number(info.version),
      commit_time_us: Number(info.commitTimeUs),
      payload_hash: info.payloadHash.toString("hex"),
      write_set_hash: info.writeSetHash.toString("hex"),
      event_root: info.eventRoot.toString("hex"),
      state_root: (info.stateRoot ?? Buffer.alloc(0)).toString("hex"),
      log_siblings: logSiblings.map((sibling) => sibling.toString("hex")),
    },
    items: Number(head.items),
    bytes: Number(head.bytes),
    ...(head.base === undefined ? {} : { base: encodeBase(head.base) }),
    proved: head.proved,
    created_time: head.createdTime,
  };
  return JSON.stringify(json);
}

/**
 * The head of a line; the text says why when it is not one. `format` is set when the line is that
 * of a newer format.
 */
export function decodeHead(text: string): SnapshotHead | { why: string; format?: number } {
  const json = parseJson(text);
  const format = newerSchema.safeParse(json);
  if (format.success) return { why: "the format is newer", format: format.data.format };
  const parsed = headSchema.safeParse(json);
  if (!parsed.success) return { why: "the head is not what a writer writes" };
  const head = headOf(parsed.data);
  if (encodeHead(head) !== text) return { why: "the head is not canonical" };
  const why = headContradiction(head);
  return why === null ? head : { why };
}

/** Why a head cannot be true, or null. */
export function headContradiction(head: NewSnapshotHead): string | null {
  const { info, logSiblings } = head.rootProof;
  if (info.version !== head.version || info.stateRoot?.equals(head.stateRoot) !== true) {
    return "the root proof is of another state";
  }
  try {
    if (!stateRootProofLogRoot(info, logSiblings).equals(head.logRoot)) {
      return "the root proof leads to another log root";
    }
  } catch {
    return "the root proof is not one";
  }
  if ((head.kind === "delta") !== (head.base !== undefined)) return "a delta alone has a base";
  if (head.base !== undefined && head.base.version > head.version) return "the base is newer";
  return null;
}

function headOf(json: z.output<typeof headSchema>): SnapshotHead {
  const hex = (text: string): Buffer => Buffer.from(text, "hex");
  const proof = json.root_proof;
  return {
    kind: json.kind,
    ledgerId: hex(json.ledger_id),
    histories: json.histories.map((history) => ({
      historyId: hex(history.history_id),
      ...(history.fork_version === undefined ? {} : { forkVersion: BigInt(history.fork_version) }),
    })),
    version: BigInt(json.version),
    stateRoot: hex(json.state_root),
    logRoot: hex(json.log_root),
    rootProof: {
      info: {
        version: BigInt(proof.version),
        commitTimeUs: BigInt(proof.commit_time_us),
        payloadHash: hex(proof.payload_hash),
        writeSetHash: hex(proof.write_set_hash),
        eventRoot: hex(proof.event_root),
        stateRoot: hex(proof.state_root),
      },
      logSiblings: proof.log_siblings.map(hex),
    },
    items: BigInt(json.items),
    bytes: BigInt(json.bytes),
    ...(json.base === undefined ? {} : { base: decodeBase(json.base) }),
    proved: json.proved,
    createdTime: json.created_time,
  };
}

function encodeBase(base: NonNullable<SnapshotHead["base"]>) {
  return {
    ...(base.name === undefined ? {} : { name: base.name }),
    version: Number(base.version),
    state_root: base.stateRoot.toString("hex"),
  };
}

function decodeBase(base: { name?: string | undefined; version: number; state_root: string }) {
  return {
    ...(base.name === undefined ? {} : { name: base.name }),
    version: BigInt(base.version),
    stateRoot: Buffer.from(base.state_root, "hex"),
  };
}

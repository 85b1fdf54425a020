import { sha256 } from "@holdfast/merkle";
import * as z from "zod/mini";
import { ArchiveError, DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { ARCHIVE_JSON_BYTES_MAX } from "./archive-limits.js";
import { DIGEST_END, DIGEST_TAIL_BYTES, decodeDigestTail } from "./digest-tail.js";
import { FORMAT, newerSchema } from "./head-text.js";
import { parseJson } from "./json-text.js";

/** File that makes a folder an archive. */
export const ARCHIVE_JSON = "archive.json";

/** What `archive.json` says. */
export interface ArchiveIdentity {
  /** 16 bytes. */
  readonly ledgerId: Buffer;
  /** RFC 3339, UTC, milliseconds. */
  readonly createdTime: string;
}

const schema = z.strictObject({
  format: z.literal(FORMAT),
  ledger_id: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  created_time: z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
  sha256: z.string(),
});

/** The bytes of `archive.json`. */
export function encodeArchiveJson(identity: ArchiveIdentity): Buffer {
  const fields = JSON.stringify({
    format: FORMAT,
    ledger_id: identity.ledgerId.toString("hex"),
    created_time: identity.createdTime,
    sha256: "",
  });
  const before = fields.slice(0, -'"}'.length);
  return Buffer.from(`${before}${sha256(Buffer.from(before)).toString("hex")}${DIGEST_END}`);
}

/**
 * Reads `archive.json`; null when there is none.
 * @throws DamageError; ArchiveError ARCHIVE_FORMAT_NEWER.
 */
export async function readArchiveJson(files: ArchiveFiles): Promise<ArchiveIdentity | null> {
  const file = await files.openRead(ARCHIVE_JSON);
  if (file === null) return null;
  try {
    if (file.bytes > ARCHIVE_JSON_BYTES_MAX) throw damaged("it is longer than any writer writes");
    return decodeArchiveJson(await file.read(0, file.bytes));
  } finally {
    await file.close();
  }
}

/** @throws DamageError; ArchiveError ARCHIVE_FORMAT_NEWER. */
function decodeArchiveJson(bytes: Buffer): ArchiveIdentity {
  const at = Math.max(0, bytes.length - DIGEST_TAIL_BYTES);
  const digest = decodeDigestTail(bytes.subarray(at).toString("latin1"));
  if (digest === null || !sha256(bytes.subarray(0, at)).equals(digest)) {
    throw damaged("its bytes do not have the digest it ends with");
  }
  const json = parseJson(bytes.toString("latin1"));
  const newer = newerSchema.safeParse(json);
  if (newer.success) throw formatNewer(ARCHIVE_JSON, newer.data.format);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw damaged("it is not what a writer writes");
  const identity = {
    ledgerId: Buffer.from(parsed.data.ledger_id, "hex"),
    createdTime: parsed.data.created_time,
  };
  if (!encodeArchiveJson(identity).equals(bytes)) throw damaged("it is not canonical");
  return identity;
}

/** ARCHIVE_FORMAT_NEWER for a file. */
export function formatNewer(file: string, format: number): ArchiveError {
  return new ArchiveError(
    "ARCHIVE_FORMAT_NEWER",
    `${file} has format ${format}, this Holdfast reads up to ${FORMAT}; use a newer one.`,
    { file, format: String(format), supported_format: String(FORMAT) },
  );
}

/** True for ARCHIVE_FORMAT_NEWER. */
export function isFormatNewer(error: unknown): error is ArchiveError {
  return error instanceof ArchiveError && error.code === "ARCHIVE_FORMAT_NEWER";
}

/** LEDGER_MISMATCH unless both are the same. */
export function requireLedger(expected: Buffer, found: Buffer): void {
  if (expected.equals(found)) return;
  const ledgers = {
    expected_ledger_id: expected.toString("hex"),
    ledger_id: found.toString("hex"),
  };
  throw new ArchiveError(
    "LEDGER_MISMATCH",
    `The archive belongs to ledger ${ledgers.ledger_id}, not to ${ledgers.expected_ledger_id}; ` +
      "give each ledger an archive of its own.",
    ledgers,
  );
}

function damaged(message: string): DamageError {
  return new DamageError({ part: "archive", file: ARCHIVE_JSON, message: `${message}.` });
}

import { limits } from "@holdfast/core";
import { badLine } from "./bad-line.js";
import type { InputLine } from "./input-lines.js";

/** What a line says: a key gets a value, or is deleted. */
export interface LineWrite {
  readonly key: Buffer;
  /** Null deletes the key. */
  readonly value: Buffer | null;
}

const FIELDS: ReadonlySet<string> = new Set(["key", "key_hex", "value", "value_hex"]);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a line `{"key":"text"|"key_hex":"…","value":"text"|"value_hex":"…"|null}`.
 * @throws INVALID_REQUEST that names the line and says what is wrong with it.
 */
export function parseImportLine({ number, bytes }: InputLine): LineWrite {
  const fields = objectOf(number, bytes);
  const unknown = Object.keys(fields).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) {
    throw badLine(number, `it has a field ${JSON.stringify(unknown)}, which means nothing here`);
  }
  const key = bytesOf(number, fields, "key");
  if (key === null) throw badLine(number, "its key is null");
  if (key.length === 0 || key.length > limits.KEY_BYTES_MAX) {
    throw badLine(number, `its key has ${key.length} bytes, not 1 to ${limits.KEY_BYTES_MAX}`);
  }
  const value = bytesOf(number, fields, "value");
  if (value !== null && value.length > limits.VALUE_BYTES_MAX) {
    throw badLine(number, `its value has ${value.length} bytes, above ${limits.VALUE_BYTES_MAX}`);
  }
  return { key, value };
}

function objectOf(number: number, bytes: Buffer): Record<string, unknown> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw badLine(number, "it is not UTF-8");
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const why = text.trim() === "" ? "it is empty" : `it is not JSON (${(error as Error).message})`;
    throw badLine(number, why);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw badLine(number, "it is not a JSON object");
  }
  return parsed as Record<string, unknown>;
}

/** The bytes that `name` gives as text, or `name`_hex as hex digits; exactly one of them. */
function bytesOf(
  number: number,
  fields: Record<string, unknown>,
  name: "key" | "value",
): Buffer | null {
  const hexName = `${name}_hex`;
  const isHex = Object.hasOwn(fields, hexName);
  if (isHex === Object.hasOwn(fields, name)) {
    throw badLine(number, `it needs either "${name}" or "${hexName}"`);
  }
  const given = fields[isHex ? hexName : name];
  if (given === null) return null;
  if (typeof given !== "string") {
    throw badLine(number, `its "${isHex ? hexName : name}" is neither text nor null`);
  }
  if (isHex) {
    if (/^(?:[0-9a-fA-F]{2})*$/.test(given)) return Buffer.from(given, "hex");
    throw badLine(number, `its "${hexName}" is not pairs of hex digits`);
  }
  // A lone surrogate has no UTF-8 form; Buffer would put another character in its place.
  if (/\p{Surrogate}/u.test(given)) throw badLine(number, `its "${name}" is not valid Unicode`);
  return Buffer.from(given, "utf8");
}

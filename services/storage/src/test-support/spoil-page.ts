import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { GenerationEnv } from "../engine/generation-env.js";

/** Where the record of a named database has the number of its root page. */
const ROOT_AT = 40;
const PAGE_BYTES = 4_096;

/** Writes zeros over the root page of a named database, as a disk may. */
export function spoilRootPage({ root, path }: GenerationEnv, database: string): void {
  const record = root.get(Buffer.from(`${database}\0`));
  if (record === undefined) throw new RangeError(`there is no database ${database}`);
  const page = Number(record.readBigUInt64LE(ROOT_AT));
  if (!Number.isSafeInteger(page)) throw new RangeError(`${database} is empty`);
  const file = openSync(join(path, "data.mdb"), "r+");
  writeSync(file, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, page * PAGE_BYTES);
  closeSync(file);
}

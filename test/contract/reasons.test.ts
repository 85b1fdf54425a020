// Goal: proto, code and status agree on every reason of an error.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { errors } from "@holdfast/api";
import { REASONS } from "@holdfast/core";
import { ROOT } from "../support/repository.js";

test("the reasons of the code are those of the proto, with the status its comments name", () => {
  const inProto = Object.keys(errors.ErrorReason).filter((name) => name !== "UNSPECIFIED");
  assert.deepEqual(Object.keys(REASONS).sort(), inProto.sort());
  const proto = readFileSync(join(ROOT, "proto/holdfast/types/v1/errors.proto"), "utf8");
  const entries = [...proto.matchAll(/((?: *\/\/[^\n]*\n)+) *ERROR_REASON_([A-Z0-9_]+) =/g)];
  const documented = new Map(entries.map((match) => [match[2] ?? "", match[1] ?? ""]));
  for (const [reason, status] of Object.entries(REASONS)) {
    assert.match(documented.get(reason) ?? "", new RegExp(`// ${status}:`), reason);
  }
});

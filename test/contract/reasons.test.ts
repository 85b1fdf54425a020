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
  for (const [reason, status] of Object.entries(REASONS)) {
    const documented = new RegExp(`// ${status}:[^;]*?ERROR_REASON_${reason} =`);
    assert.match(proto, documented, `${reason} is not documented as ${status}`);
  }
});

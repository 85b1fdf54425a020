// Goal: the help of each command says what that command does with its options.
import { strict as assert } from "node:assert";
import test from "node:test";
import { UsageError } from "@holdfast/process";
import { fsckConfig, storageConfig } from "./config.js";

function helpOf(read: (args: readonly string[]) => unknown): string {
  try {
    read(["--help"]);
  } catch (error) {
    if (error instanceof UsageError && error.exitCode === 0) return error.message;
    throw error;
  }
  return assert.fail("it printed no help");
}

test("a store is made by who serves it, never by who checks it", () => {
  assert.match(helpOf(storageConfig), /folder that holds the store; made\s+when\s+missing/);
  assert.doesNotMatch(helpOf(fsckConfig), /made/);
});

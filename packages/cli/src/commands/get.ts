import { limits } from "@holdfast/core";
import { type Command, InvalidArgumentError } from "commander";
import type { Execute } from "../command-context.js";
import { parseVersion } from "../command-options.js";
import type { GetOptions } from "../service-commands/get.js";

/** `holdfast get KEY`: reads one key, and on request checks the proof. */
export function addGet(program: Command, execute: Execute): void {
  const command = program
    .command("get")
    .description("read one key; an absent key is no failure")
    .argument("<key>", "the key as text")
    .option("--hex", "the key is given as hex digits", false)
    .option("--version <version>", "any kept version (default: the newest)", parseVersion)
    .option("--proof", "ask for a proof against the state root, and check it", false);
  command.action((text: string) => {
    const options = command.opts<GetOptions>();
    const key = parseKey(command, text, options.hex);
    return execute(command, async (context) => {
      const { runGet } = await import("../service-commands.js");
      return runGet(context, key, options);
    });
  });
}

function parseKey(command: Command, text: string, isHex: boolean): Buffer {
  const wellFormed = !isHex || /^(?:[0-9a-fA-F]{2})+$/.test(text);
  const key = Buffer.from(text, isHex ? "hex" : "utf8");
  if (wellFormed && key.length >= 1 && key.length <= limits.KEY_BYTES_MAX) return key;
  command.error(
    `error: the key must have 1 to ${limits.KEY_BYTES_MAX} bytes${isHex ? ", as hex digits" : ""}`,
    { exitCode: 2 },
  );
  throw new InvalidArgumentError("the key");
}

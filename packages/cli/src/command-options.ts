import { type Command, InvalidArgumentError } from "commander";

/** Options of commands that choose a state of an archive. */
export interface StateOptions {
  readonly archive: string;
  readonly toVersion?: bigint;
  readonly history?: string;
}

/** Adds --archive, which must be given. */
export function addArchiveOption(command: Command): Command {
  return command.requiredOption(
    "--archive <url>",
    "folder of the archive, or a file: URL",
    parseArchive,
  );
}

/** Adds the options that choose a state of an archive. */
export function addStateOptions(command: Command): Command {
  return addArchiveOption(command)
    .option("--to-version <version>", "take the newest snapshot at or below it", parseVersion)
    .option("--history <id>", "take this history, not the one made last", parseHistory);
}

/** Reads a version. @throws InvalidArgumentError. */
export function parseVersion(text: string): bigint {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return BigInt(text);
  throw new InvalidArgumentError("A version is a whole number from 0 to 2^53-1.");
}

/** A whole number from 1 to `most`. */
export function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}

function parseArchive(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function parseHistory(text: string): string {
  if (/^[0-9a-fA-F]{1,32}$/.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError("A history is up to 32 hex digits, as `archive ls` shows it.");
}

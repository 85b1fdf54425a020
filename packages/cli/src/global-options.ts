import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "./duration.js";

/** How progress is shown on stderr. */
export type ProgressStyle = "auto" | "bar" | "json" | "none";

/** Options that every command takes. */
export interface GlobalOptions {
  /** Address of storage. */
  readonly storage: string;
  /** Addresses of gateways, any of which will do. */
  readonly gateway: readonly string[];
  readonly json: boolean;
  /** Longest unary call, and longest time without a frame, milliseconds. */
  readonly timeout: number;
  /** How long a failed call is tried again without progress, milliseconds. */
  readonly retryFor: number;
  /** Longest duration of the whole command, milliseconds. */
  readonly maxDuration?: number;
  readonly progress: ProgressStyle;
  /** Files in PEM: authority of the server, own certificate and its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** Adds the options of every command to the program; each has a HOLDFAST_ variable. */
export function addGlobalOptions(program: Command): void {
  const option = (flags: string, description: string): Option => {
    const name = /--([a-z-]+)/.exec(flags)?.[1] ?? "";
    const made = new Option(flags, description).env(
      `HOLDFAST_${name.toUpperCase().replaceAll("-", "_")}`,
    );
    program.addOption(made);
    return made;
  };
  option("--storage <address>", "storage: import, get, status")
    .default("127.0.0.1:7410")
    .argParser(parseAddress);
  option("--gateway <addresses>", "gateways, any of a comma-separated list: backup, restore")
    .default(["127.0.0.1:7420"], "127.0.0.1:7420")
    .argParser((text) => text.split(",").map(parseAddress));
  option("--json", "print one JSON object, as the last line on stdout").default(false);
  option("--timeout <duration>", "longest unary call, and longest time without a frame")
    .default(30_000, "30s")
    .argParser(parseDuration);
  option("--retry-for <duration>", "how long to try again without progress")
    .default(600_000, "10m")
    .argParser(parseDuration);
  option("--max-duration <duration>", "longest time for the whole command").argParser(
    parseDuration,
  );
  option("--progress <style>", "auto (bar on a terminal), bar, json (lines on stderr) or none")
    .default("auto")
    .choices(["auto", "bar", "json", "none"]);
  option("--ca <file>", "PEM of the authority that signed the server's certificate: use TLS");
  option("--cert <file>", "PEM of this client's certificate");
  option("--key <file>", "PEM of this client's private key");
  option("--token <token>", "bearer token of this client");
}

function parseAddress(text: string): string {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[^:[\]/\s,]+):(\d{1,5})$/.exec(text);
  if (match !== null && Number(match[1]) <= 65_535) return text;
  throw new InvalidArgumentError(`"${text}" is not an address like 127.0.0.1:7410.`);
}

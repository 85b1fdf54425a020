import { type Command, InvalidArgumentError, Option } from "commander";
import { addBooleanVariable } from "./boolean-variable.js";
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
  for (const option of globalOptions()) {
    const variable = `HOLDFAST_${option.name().toUpperCase().replaceAll("-", "_")}`;
    // The program takes the default as it is now: add an option when it is complete.
    program.addOption(option.env(variable));
    if (option.isBoolean()) addBooleanVariable(program, option, variable);
  }
}

/** Ends the called command with a usage error where options do not go together, or cannot be sent. */
export function checkGlobalOptions(called: Command): void {
  const { ca, cert, key, token } = called.optsWithGlobals<GlobalOptions>();
  for (const [flag, file] of Object.entries({ "--ca": ca, "--cert": cert, "--key": key })) {
    if (file === "") called.error(`error: ${flag} is empty; it is the name of a file.`);
  }
  if ((cert === undefined) !== (key === undefined)) {
    called.error("error: --cert and --key go together: give both, or neither.");
  }
  // The token itself is not shown: what is printed ends in logs.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    called.error("error: --token takes printable ASCII characters without spaces.");
  }
}

function globalOptions(): Option[] {
  return [
    new Option("--storage <address>", "storage: import, get, status")
      .default("127.0.0.1:7410")
      .argParser(parseAddress),
    new Option("--gateway <addresses>", "gateways, any of a comma-separated list: backup, restore")
      .default(["127.0.0.1:7420"], "127.0.0.1:7420")
      .argParser((text) => text.split(",").map(parseAddress)),
    new Option("--json", "print one JSON object, as the last line on stdout").default(false),
    new Option("--timeout <duration>", "longest unary call, and longest time without a frame")
      .default(30_000, "30s")
      .argParser(parseDuration),
    new Option("--retry-for <duration>", "how long to try again without progress")
      .default(600_000, "10m")
      .argParser(parseDuration),
    new Option("--max-duration <duration>", "longest time for the whole command").argParser(
      parseDuration,
    ),
    new Option("--progress <style>", "auto (bar on a terminal), bar, json (on stderr) or none")
      .default("auto")
      .choices(["auto", "bar", "json", "none"]),
    new Option("--ca <file>", "PEM of the authority of the server's certificate: use TLS"),
    new Option("--cert <file>", "PEM of this client's certificate"),
    new Option("--key <file>", "PEM of this client's private key"),
    new Option("--token <token>", "bearer token of this client"),
  ];
}

function parseAddress(text: string): string {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[^:[\]/\s,]+):(\d{1,5})$/.exec(text);
  if (match !== null && Number(match[1]) <= 65_535) return text;
  throw new InvalidArgumentError(`"${text}" is not an address like 127.0.0.1:7410.`);
}

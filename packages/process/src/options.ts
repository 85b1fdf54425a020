import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Address, parseAddress } from "./address.js";
import { UsageError } from "./usage-error.js";

/** One option: a flag `--a-b <value>`, or the variable HOLDFAST_A_B; the flag wins. */
export interface OptionSpec<T> {
  /** As commander takes it: `--data-dir <dir>`, or `--insecure` for a switch. */
  readonly flag: string;
  readonly description: string;
  /** Text of the default; null when the option must be given; undefined for a switch. */
  readonly default: string | null | undefined;
  readonly parse: (text: string) => T;
}

/** The parsed values of a set of options. */
export type OptionValues<S> = {
  readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never;
};

/** An option with a default. */
export function option<T>(
  flag: string,
  description: string,
  defaultText: string,
  parse: (text: string) => T,
): OptionSpec<T> {
  return { flag, description, default: defaultText, parse };
}

/** An option that must be given. */
export function required<T>(
  flag: string,
  description: string,
  parse: (text: string) => T,
): OptionSpec<T> {
  return { flag, description, default: null, parse };
}

/** A switch; off by default. Its variable is on with `true` or `1`. */
export function toggle(flag: string, description: string): OptionSpec<boolean> {
  const parse = (text: string): boolean => {
    if (["true", "1"].includes(text)) return true;
    if (["false", "0", ""].includes(text)) return false;
    throw new UsageError(`"${text}" is neither true nor false.`);
  };
  return { flag, description, default: undefined, parse };
}

/** Any text but the empty one. */
export function text(value: string): string {
  if (value === "") throw new UsageError("it is empty.");
  return value;
}

/** A whole number within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (value) => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new UsageError(`"${value}" is not a whole number from ${least} to ${most}.`);
  };
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration like `500ms`, `2s`, `5m`, `1h`; a bare number is seconds. Gives milliseconds. */
export function durationMs(value: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(value);
  const ms = Number(match?.[1]) * UNIT_MS[(match?.[2] ?? "s") as keyof typeof UNIT_MS];
  // Node's longest timer.
  if (match === null || ms > 2 ** 31 - 1) {
    throw new UsageError(`"${value}" is not a duration like 500ms, 2s, 5m or 1h.`);
  }
  return ms;
}

/** An address `host:port`. */
export function address(value: string): Address {
  return parseAddress(value);
}

/** One of these words. */
export function oneOf<const W extends string>(...words: readonly W[]): (text: string) => W {
  return (value) => {
    const word = words.find((each) => each === value);
    if (word !== undefined) return word;
    throw new UsageError(`"${value}" is none of ${words.join(", ")}.`);
  };
}

/** A program and its options. */
export interface Program<S> {
  readonly name: string;
  readonly description: string;
  readonly options: S;
}

/**
 * Reads flags and HOLDFAST_ variables.
 * @throws UsageError with what to print: the help (exit code 0) or what is wrong (2).
 */
export function parseOptions<S extends Readonly<Record<string, OptionSpec<unknown>>>>(
  program: Program<S>,
  args: readonly string[] = process.argv.slice(2),
  env: Readonly<Record<string, string | undefined>> = process.env,
): OptionValues<S> {
  let output = "";
  const write = (chunk: string): void => {
    output += chunk;
  };
  const command = new Command(program.name)
    .description(program.description)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write })
    .helpOption("--help", "print this and exit")
    .allowExcessArguments(false);
  const entries = Object.entries(program.options).map(([key, spec]) => {
    const made = new Option(spec.flag, describe(spec));
    command.addOption(made);
    return { key, spec, attribute: made.attributeName(), variable: variableOf(spec.flag) };
  });
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError || error instanceof InvalidArgumentError)) throw error;
    throw new UsageError(output.trimEnd(), error.exitCode === 0 ? 0 : 2);
  }
  const given = command.opts<Record<string, string | boolean | undefined>>();
  const values = entries.map(({ key, spec, attribute, variable }) => {
    const flagged = given[attribute];
    const raw = flagged === undefined ? env[variable] : String(flagged);
    return [key, parsed(spec, raw)] as const;
  });
  return Object.fromEntries(values) as OptionValues<S>;
}

function parsed(spec: OptionSpec<unknown>, raw: string | undefined): unknown {
  const name = spec.flag.split(" ")[0] ?? spec.flag;
  if (raw === undefined && spec.default === null) {
    throw new UsageError(`error: ${name} (or ${variableOf(spec.flag)}) is required. See --help.`);
  }
  try {
    return spec.parse(raw ?? spec.default ?? "false");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`error: ${name}: ${error.message}`);
  }
}

function describe(spec: OptionSpec<unknown>): string {
  const suffix =
    spec.default === null ? "required" : `default: ${JSON.stringify(spec.default ?? false)}`;
  return `${spec.description} (${suffix}; ${variableOf(spec.flag)})`;
}

function variableOf(flag: string): string {
  const name = /^--([a-z0-9-]+)/.exec(flag)?.[1] ?? "";
  return `HOLDFAST_${name.toUpperCase().replaceAll("-", "_")}`;
}

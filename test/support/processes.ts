import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./repository.js";

/** A service process that said it is ready. */
export interface Service {
  readonly process: ChildProcess;
  /** Address of its gRPC listener. */
  readonly listen: string;
  /** Address of its HTTP admin listener. */
  readonly admin: string;
  /** What it logged so far (the last 2,000 lines). */
  readonly log: readonly string[];
  /** Sends the signal and waits for the end. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<{ code: number | null; signal: string | null }>;
  [Symbol.asyncDispose](): Promise<void>;
}

const LOG_LINES_MAX = 2_000;
const READY_MS_MAX = 60_000;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `holdfast-storage` on free ports. `listen` fixes the port, for a restart. */
export function startStorage(
  dataDir: string,
  flags: readonly string[] = [],
  listen = "127.0.0.1:0",
): Promise<Service> {
  return startService("services/storage/bin/holdfast-storage.cjs", [
    "--data-dir",
    dataDir,
    "--listen",
    listen,
    "--admin-listen",
    "127.0.0.1:0",
    "--drain-delay",
    "0",
    ...flags,
  ]);
}

/** Starts `holdfast-gateway` on free ports. */
export function startGateway(
  storage: string,
  flags: readonly string[] = [],
  listen = "127.0.0.1:0",
): Promise<Service> {
  return startService("services/backup-gateway/bin/holdfast-gateway.cjs", [
    "--storage",
    storage,
    "--listen",
    listen,
    "--admin-listen",
    "127.0.0.1:0",
    "--drain-delay",
    "0",
    ...flags,
  ]);
}

async function startService(bin: string, args: readonly string[]): Promise<Service> {
  const child = spawn(process.execPath, [join(ROOT, bin), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const log: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.push(line);
    if (log.length > LOG_LINES_MAX) log.shift();
  });
  const ended = new Promise<never>((_, reject) =>
    child.once("exit", (code, signal) =>
      reject(new Error(`${bin} ended (${code ?? signal}) before it was ready:\n${log.join("\n")}`)),
    ),
  );
  ended.catch(() => undefined);
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS_MAX);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  clearTimeout(timer);
  const ready = JSON.parse(line) as { ready: boolean; listen: string; admin: string };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, "exit");
      child.kill(signal);
      await exit;
    }
    return { code: child.exitCode, signal: child.signalCode };
  };
  return {
    process: child,
    listen: ready.listen,
    admin: ready.admin,
    log,
    end,
    [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
  };
}

/** How a command of the CLI ended. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout, parsed; for commands run with --json. */
  readonly json: Record<string, unknown>;
}

/** A command of the CLI that runs. */
export interface CliRun {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
}

/** Starts `holdfast` with these arguments. */
export function startCli(args: readonly string[], input?: string): CliRun {
  const child = spawn(process.execPath, [join(ROOT, "packages/cli/bin/holdfast.cjs"), ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A command may end before it has read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const result = once(child, "close").then(([code, signal]): CliResult => {
    running.delete(child);
    return {
      code: code as number | null,
      signal: signal as string | null,
      stdout,
      stderr,
      get json() {
        return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
      },
    };
  });
  return { process: child, result };
}

/** Runs `holdfast` with these arguments to its end. */
export function cli(args: readonly string[], input?: string): Promise<CliResult> {
  return startCli(args, input).result;
}

/** Runs `holdfast --json` and insists on exit code 0. */
export async function cliJson(
  args: readonly string[],
  input?: string,
): Promise<Record<string, unknown>> {
  const result = await cli(["--json", ...args], input);
  if (result.code !== 0) {
    throw new Error(
      `holdfast ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`,
    );
  }
  return result.json;
}

/** Value of one sample of /metrics; the sum over its labels. */
export async function metric(admin: string, name: string): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const samples = text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  if (samples.length === 0) throw new Error(`${admin} has no metric ${name}`);
  return samples.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

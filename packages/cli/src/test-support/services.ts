import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { storage } from "@holdfast/api";

const at = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const STORAGE = at("services/storage/bin/holdfast-storage.cjs");
const GATEWAY = at("services/backup-gateway/bin/holdfast-gateway.cjs");
const CLI = at("packages/cli/bin/holdfast.cjs");

/** A storage and a gateway in processes of their own, on free ports. */
export interface Pair extends AsyncDisposable {
  readonly storage: string;
  readonly gateway: string;
  /** Kills storage and starts it again on the same port and folder. */
  restartStorage(signal: NodeJS.Signals): Promise<void>;
}

/** How a command ended. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects is what it then checks
  readonly json: any;
}

/** A command that runs. */
export interface CliRun {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Settles when a line of stderr fits, or the command has ended. */
  saw(pattern: RegExp): Promise<void>;
}

/** Starts a pair over a data folder. */
export async function startPair(dataDir: string): Promise<Pair> {
  const start = (listen: string) =>
    startService(STORAGE, ["--data-dir", dataDir, "--listen", listen]);
  let store = await start("127.0.0.1:0");
  const gateway = await startService(GATEWAY, [
    ...["--storage", store.listen],
    ...["--listen", "127.0.0.1:0"],
  ]);
  return {
    storage: store.listen,
    gateway: gateway.listen,
    restartStorage: async (signal) => {
      await end(store.child, signal);
      store = await start(store.listen);
    },
    [Symbol.asyncDispose]: async () => {
      await end(gateway.child, "SIGKILL");
      await end(store.child, "SIGKILL");
    },
  };
}

/** Starts `holdfast` with these arguments. */
export function startCli(args: readonly string[], input = ""): CliRun {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const watch of watchers) watch();
  });
  // A command may end before it has read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const result = once(child, "close").then(
    ([code, signal]): CliResult => ({
      code,
      signal,
      stdout,
      stderr,
      get json() {
        return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
      },
    }),
  );
  const saw = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const watch = (): void => {
        if (!pattern.test(stderr)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
      result.finally(resolve).catch(() => undefined);
    });
  return { process: child, result, saw };
}

/** Runs `holdfast --json` to its end and insists on an exit code. */
export async function cli(
  args: readonly string[],
  { code = 0, input = "" }: { code?: number; input?: string } = {},
): Promise<CliResult["json"]> {
  const result = await startCli(["--json", ...args], input).result;
  if (result.code === code) return result.json;
  const printed = result.stdout.slice(-2_000) + result.stderr.slice(-4_000);
  throw new Error(
    `holdfast ${args.join(" ")} ended with ${result.code ?? result.signal}: ${printed}`,
  );
}

/** Commits `count` generated keys from `from` on, with values of `valueBytes`, in large blocks. */
export async function fill(
  address: string,
  from: number,
  count: number,
  valueBytes: number,
): Promise<void> {
  const client = new storage.StorageServiceClient(address, credentials.createInsecure());
  const perBlock = Math.max(1, Math.floor(1_500_000 / (valueBytes + 40)));
  for (let start = from; start < from + count; start += perBlock) {
    const end = Math.min(from + count, start + perBlock);
    const writeSet = Array.from({ length: end - start }, (_, offset): storage.WriteOp => {
      const value = Buffer.alloc(valueBytes, `${start + offset} `);
      return { op: { $case: "put", value: { key: Buffer.from(`key ${start + offset}`), value } } };
    });
    await new Promise<void>((resolve, reject) => {
      const transaction = { payload: Buffer.alloc(0), writeSet, events: [] };
      const request = {
        transactions: [transaction],
        expectedFirstVersion: undefined,
        requestId: "",
      };
      client.commitBlock(request, (error) => (error === null ? resolve() : reject(error)));
    });
  }
  client.close();
}

async function startService(
  bin: string,
  args: readonly string[],
): Promise<{ child: ChildProcess; listen: string }> {
  const flags = ["--admin-listen", "127.0.0.1:0", "--drain-delay", "0"];
  const child = spawn(process.execPath, [bin, ...args, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
  });
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`${bin} ended (${code ?? signal}) before it was ready:\n${log}`);
  });
  ended.catch(() => undefined);
  const line = once(createInterface({ input: child.stdout }), "line");
  const [ready] = (await Promise.race([line, ended])) as [string];
  return { child, listen: (JSON.parse(ready) as { listen: string }).listen };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** From `dist/test-support` to the launcher that npm links. */
const LAUNCHER = fileURLToPath(new URL("../../bin/holdfast-gateway.cjs", import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A gateway in a process of its own. */
export interface GatewayProcess extends AsyncDisposable {
  readonly listen: string;
  readonly admin: string;
  readonly process: ChildProcess;
  /** What was printed so far. */
  readonly output: { stdout: string; stderr: string };
  /** Resolves when it has ended. */
  readonly ended: Promise<Exit>;
  /** Anonymous memory, bytes. */
  memory(): Promise<number>;
}

/** Runs the launcher to its end. */
export async function runGateway(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit> {
  return launch(args, env).ended;
}

/** Starts a gateway on free ports and waits for its ready line. */
export async function startGateway(
  storage: string,
  flags: readonly string[] = [],
): Promise<GatewayProcess> {
  const { child, output, ended } = launch([
    ...["--storage", storage, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    ...["--drain-delay", "0", ...flags],
  ]);
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, "line");
  const early = ended.then(({ stderr }) => {
    throw new Error(`the gateway ended before it was ready: ${stderr}`);
  });
  early.catch(() => undefined);
  const [line] = (await Promise.race([first, early])) as [string];
  const { listen, admin } = JSON.parse(line) as { listen: string; admin: string };
  return {
    listen,
    admin,
    process: child,
    output,
    ended,
    memory: async () => {
      const text = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^RssAnon:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, "close").then(
    ([code]): Exit => ({ code: code as number | null, ...output }),
  );
  return { child, output, ended };
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { lease, restore, storage } from "@holdfast/api";
import { RecordingLogger } from "@holdfast/testing";
import { startStorageServer } from "../storage-server.js";

/** Generated clients of one storage process. */
export interface StorageClients {
  readonly storage: storage.StorageServiceClient;
  readonly lease: lease.LeaseServiceClient;
  readonly restore: restore.RestoreServiceClient;
}

/** Storage that serves on a free port. */
export interface RunningStorage extends StorageClients, AsyncDisposable {
  readonly dataDir: string;
}

/** Serves a data directory from this process. */
export async function startStorage(dataDir: string): Promise<RunningStorage> {
  const logger = new RecordingLogger();
  const loopback = { host: "127.0.0.1", port: 0 };
  const running = await startStorageServer(
    {
      listen: loopback,
      adminListen: loopback,
      insecure: false,
      drainDelayMs: 0,
      drainGraceMs: 5_000,
      logLevel: "error",
      dataDir,
      stateVersions: 0,
      ledgerVersions: 0,
      journalVersions: 0,
      diskLowBytes: 0,
    },
    {
      logger,
      fatal: (error, message) => {
        throw new Error(message, { cause: error });
      },
    },
  );
  const clients = clientsOf(running.listen);
  return {
    ...clients,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      closeClients(clients);
      await running.drain(new AbortController().signal);
      await running.stop();
    },
  };
}

/** Storage in a process of its own. */
export interface StorageProcess extends RunningStorage {
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

const LAUNCHER: string = fileURLToPath(new URL("../../bin/holdfast-storage.cjs", import.meta.url));

/** Serves a data directory from a process that can be killed. */
export async function spawnStorage(dataDir: string): Promise<StorageProcess> {
  const listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const child: ChildProcess = spawn(
    process.execPath,
    [LAUNCHER, "--data-dir", dataDir, ...listen, "--disk-low-bytes", "0", "--log-level", "error"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  if (child.stdout === null) throw new Error("the process has no output");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const clients = clientsOf((JSON.parse(line) as { listen: string }).listen);
  const kill = async (): Promise<void> => {
    closeClients(clients);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  return { ...clients, dataDir, kill, [Symbol.asyncDispose]: kill };
}

function clientsOf(address: string): StorageClients {
  const insecure = credentials.createInsecure();
  return {
    storage: new storage.StorageServiceClient(address, insecure),
    lease: new lease.LeaseServiceClient(address, insecure),
    restore: new restore.RestoreServiceClient(address, insecure),
  };
}

function closeClients(clients: StorageClients): void {
  for (const client of [clients.storage, clients.lease, clients.restore]) client.close();
}

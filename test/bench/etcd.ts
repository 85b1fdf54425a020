import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { quiet } from "./quiet.js";
import { key, value } from "./records.js";
import { batches, RawClient, sendAll } from "./unary.js";

const run = promisify(execFile);
const QUOTA_BYTES = 32 * 2 ** 30;

/** Version of etcd when Debian's etcd-server and etcd-client are installed, else null. */
export function etcdVersion(): string | null {
  const server = spawnSync("etcd", ["--version"], { encoding: "utf8" });
  const client = spawnSync("etcdctl", ["version"], { encoding: "utf8" });
  if (server.status !== 0 || client.status !== 0) return null;
  return /etcd Version: (\S+)/.exec(server.stdout)?.[1] ?? null;
}

/**
 * A single etcd on loopback, with fsync as it comes. It is stopped (SIGSTOP) while nothing is asked
 * of it: beside one with 10 M keys a proved backup took 0.9 to 1.5 s of 20 more, beside a stopped
 * one 0.1.
 */
export class Etcd {
  readonly #child: ChildProcess;
  readonly #address: string;
  readonly #folder: string;

  private constructor(child: ChildProcess, address: string, folder: string) {
    this.#child = child;
    this.#address = address;
    this.#folder = folder;
  }

  static async start(folder: string): Promise<Etcd> {
    const [client, peer] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const child = spawn(
      "etcd",
      [
        ...["--data-dir", join(folder, "etcd"), "--name", "bench", "--logger", "zap"],
        ...["--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...["--initial-cluster", `bench=${peerUrl}`, "--log-level", "error"],
        ...["--max-txn-ops", "10000", "--max-request-bytes", "16777216"],
        ...["--quota-backend-bytes", String(QUOTA_BYTES)],
      ],
      { stdio: "ignore" },
    );
    process.once("exit", () => child.kill("SIGKILL"));
    const etcd = new Etcd(child, `127.0.0.1:${client}`, folder);
    for (let attempt = 0; ; attempt++) {
      try {
        await etcd.#ctl(["endpoint", "health"]);
        child.kill("SIGSTOP");
        return etcd;
      } catch (error) {
        if (attempt === 20) throw error;
      }
    }
  }

  /** Puts records [from, to) in transactions of `size`. @returns seconds it took. */
  async put(from: number, to: number, size: number, round: number, width: number): Promise<number> {
    return this.#awake(async () => {
      const client = new RawClient(this.#address);
      try {
        let seconds = 0;
        for (const requests of batches(from, to, size, (a, b) => txn(a, b, round))) {
          seconds += await sendAll(client, "/etcdserverpb.KV/Txn", requests, width);
        }
        return seconds;
      } finally {
        client.close();
      }
    });
  }

  /** `etcdctl snapshot save`. @returns seconds it took. */
  async snapshotSave(file: string): Promise<number> {
    return this.#awake(async () => {
      const start = performance.now();
      await this.#ctl(["snapshot", "save", file]);
      return (performance.now() - start) / 1000;
    });
  }

  /** `etcdctl snapshot restore` into a new folder, without the server. @returns seconds it took. */
  async snapshotRestore(file: string, name: string): Promise<number> {
    const start = performance.now();
    await this.#ctl(["snapshot", "restore", file, "--data-dir", join(this.#folder, name)]);
    return (performance.now() - start) / 1000;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    this.#child.kill("SIGCONT");
    await ended;
  }

  /** Lets it run for some work; what it does by itself comes before and behind that. */
  async #awake<T>(work: () => Promise<T>): Promise<T> {
    this.#child.kill("SIGCONT");
    try {
      await this.#ctl(["endpoint", "health"]);
      await quiet();
      const result = await work();
      await quiet();
      return result;
    } finally {
      this.#child.kill("SIGSTOP");
    }
  }

  async #ctl(args: readonly string[]): Promise<void> {
    await run("etcdctl", ["--endpoints", this.#address, "--command-timeout", "600s", ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
    });
  }
}

/** TxnRequest{success: [RequestOp{request_put: PutRequest{key, value}}]} of etcd's rpc.proto. */
function txn(from: number, to: number, round: number): Buffer {
  const writer = new BinaryWriter();
  for (let index = from; index < to; index++) {
    writer.uint32(0x12).fork().uint32(0x12).fork();
    writer.uint32(0x0a).bytes(key(index)).uint32(0x12).bytes(value(index, round));
    writer.join().join();
  }
  return Buffer.from(writer.finish());
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Forwards TCP, and stops in the middle of a job for as long as a test wants. */
export interface HoldingProxy extends AsyncDisposable {
  readonly address: string;
  /** Settles when a connection is held. */
  readonly held: Promise<void>;
  /** Lets everything pass from now on. */
  release(): void;
}

/**
 * Starts a proxy that forwards `bytes` of each connection in one direction and holds it there:
 * `up` is what the client sends. Other connections, on which leases are renewed, go on.
 */
export async function holdingProxy(
  target: string,
  direction: "up" | "down",
  bytes: number,
): Promise<HoldingProxy> {
  const [host = "", port = ""] = target.split(":");
  const sockets = new Set<Socket>();
  const stopped = new Set<Socket>();
  let released = false;
  let onHeld: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    onHeld = resolve;
  });
  const forward = (from: Socket, to: Socket, isHeld: boolean): void => {
    let passed = 0;
    from.on("data", (data: Buffer) => {
      passed += data.length;
      const isFull = !to.write(data);
      if (isHeld && !released && passed >= bytes) {
        from.pause();
        stopped.add(from);
        onHeld();
      } else if (isFull) {
        from.pause();
      }
    });
    to.on("drain", () => {
      if (!stopped.has(from)) from.resume();
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    forward(client, upstream, direction === "up");
    forward(upstream, client, direction === "down");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    held,
    release: () => {
      released = true;
      for (const socket of stopped) socket.resume();
      stopped.clear();
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { type Address, formatAddress } from "./address.js";

/** What the system calls by a code only. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "it is in use; stop what listens there, or choose another address",
  EADDRNOTAVAIL: "this machine has no such address; choose another one",
  EACCES: "this user may not; choose a port from 1024 on",
};

/**
 * Tries addresses, all at the same time: a service that cannot listen says so before it opens, or
 * makes, anything.
 * @throws Error with one sentence for the first address that cannot be listened on.
 */
export async function requireFreeAddresses(addresses: readonly Address[]): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const address of addresses) servers.push(await listening(address));
  } finally {
    await Promise.all(servers.map(closed));
  }
}

async function listening(address: Address): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(address.port, address.host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    const why = REASONS[code] ?? message;
    throw new Error(`Cannot listen on ${formatAddress(address)}: ${why}.`, { cause });
  }
  return server;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

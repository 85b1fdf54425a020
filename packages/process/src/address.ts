import { isIP } from "node:net";
import { UsageError } from "./usage-error.js";

/** A TCP address. */
export interface Address {
  /** Name or IP; an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` (`[::1]:7410` for IPv6). @throws UsageError. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    throw new UsageError(`"${text}" is not an address like 127.0.0.1:7410.`);
  }
  return { host, port };
}

/** Writes an address as `parseAddress` reads it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True when only this machine can reach it. */
export function isLoopback({ host }: Address): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Refuses to serve others in clear text.
 * @throws UsageError for an address beyond loopback, unless `insecure`.
 */
export function requireSafeListen(address: Address, insecure: boolean): void {
  if (insecure || isLoopback(address)) return;
  throw new UsageError(
    `${formatAddress(address)} can be reached from other machines and has no TLS. ` +
      "Listen on loopback, or say --insecure.",
  );
}

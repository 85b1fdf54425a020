import type { SnapshotHead } from "./snapshot-head.js";

/** Folder of the manifests. */
export const SNAPSHOTS = "snapshots";

/** What the name of a manifest says. */
export interface ManifestName {
  readonly version: bigint;
  readonly kind: "full" | "delta";
  /** First 16 hex digits of the manifest's digest. */
  readonly digest: string;
}

/** Name of a snapshot: `<version, 20 digits>-<full|delta>-<16 hex>`. */
export function snapshotName(head: SnapshotHead, digest: Buffer): string {
  const version = head.version.toString().padStart(20, "0");
  return `${version}-${head.kind}-${digest.toString("hex", 0, 8)}`;
}

/** The parts of a snapshot's name; null when it is none. */
export function parseSnapshotName(name: string): ManifestName | null {
  const match = /^([0-9]{20})-(full|delta)-([0-9a-f]{16})$/.exec(name);
  if (match === null) return null;
  const [, version = "", kind, digest = ""] = match;
  return { version: BigInt(version), kind: kind === "full" ? "full" : "delta", digest };
}

/** File of a snapshot's manifest. */
export function manifestFile(name: string): string {
  return `${SNAPSHOTS}/${name}.jsonl`;
}

// The one rule of every text file of an archive: its last bytes are "sha256":"<64 hex>"} and a
// line feed, and the digest is SHA-256 of all bytes of the file before its first hex digit. So
// `head -c -67 FILE | sha256sum` shows what FILE ends with.

/** What follows the hex digits. */
export const DIGEST_END = '"}\n';
/** The hex digits and what follows them, bytes. */
export const DIGEST_TAIL_BYTES: number = 64 + DIGEST_END.length;

/** The digest of the last bytes of a file; null when they are not a digest's. */
export function decodeDigestTail(tail: string): Buffer | null {
  const match = /^([0-9a-f]{64})"\}\n$/.exec(tail);
  return match?.[1] === undefined ? null : Buffer.from(match[1], "hex");
}

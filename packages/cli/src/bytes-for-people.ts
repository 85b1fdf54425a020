const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as a quoted JSON string when they are text, else as 0x and lower-case hex digits. */
export function bytesForPeople(bytes: Uint8Array): string {
  try {
    const text = decoder.decode(bytes);
    // Control characters would play with the terminal, and escaped they are no easier than hex.
    if (!/\p{Cc}/u.test(text)) return JSON.stringify(text);
  } catch {
    // Not UTF-8.
  }
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

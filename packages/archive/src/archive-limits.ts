// Bounds of the archive's format and of its memory; docs/archive-format.md repeats the first ones.
import { limits } from "@holdfast/core";

const MIB: number = 1024 * 1024;

/** A pack is closed before a record that would make it larger than this, bytes. */
export const PACK_BYTES_TARGET: number = 64 * MIB;
/** Most records of a pack: bounds its index to 3 MiB. */
export const PACK_RECORDS_MAX: number = 65_536;
/** Longest body of a record, bytes: what fits into one frame. */
export const BODY_BYTES_MAX: number = limits.FRAME_BYTES_MAX;
/** Longest line of a manifest, bytes: a head with some thousand histories. */
export const LINE_BYTES_MAX: number = MIB;
/** Longest archive.json, bytes. */
export const ARCHIVE_JSON_BYTES_MAX: number = 64 * 1024;

/** Tile lines kept in memory until their pack is closed, bytes; then it is closed early. */
export const PENDING_LINES_BYTES_MAX: number = 8 * MIB;
/** They lie in blocks of at most so many bytes; the first one has fewer. */
export const LINES_BLOCK_BYTES: number = 256 * 1024;
export const LINES_BLOCK_BYTES_MIN: number = 4 * 1024;
/** Buffers of a pack being written: their size, and how many may wait for the disk. */
export const WRITE_BUFFER_BYTES: number = MIB;
export const WRITE_BUFFERS_MAX = 8;
/** A pack or manifest is synced in the background whenever so much more was written, bytes. */
export const BACKGROUND_SYNC_BYTES: number = 8 * MIB;
/** How much of a file is read at once where it is read whole, bytes. */
export const READ_BYTES: number = 256 * 1024;
/** Packs that a reader of a snapshot keeps open. */
export const OPEN_PACKS_MAX = 2;
/** Records that lie one behind the other are read at once: bytes, and tiles, most. */
export const READ_RUN_BYTES: number = 256 * 1024;
export const READ_RUN_TILES_MAX = 64;
/** Such reads ahead of the reader: number, and bytes behind the first. */
export const READ_AHEAD_RUNS_MAX = 4;
export const READ_AHEAD_BYTES_MAX: number = MIB;
/** Longest wait for a running gc where a pack of the same content exists already, seconds. */
export const DELETER_WAIT_SECONDS_MAX = 600;

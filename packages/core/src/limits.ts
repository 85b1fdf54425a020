// Every limit of the contract, in one place; docs/limits.md gives the reason of each.

const KIB = 1024;
const MIB: number = 1024 * KIB;

/** Longest key, bytes. The shortest is 1. */
export const KEY_BYTES_MAX: number = 1 * KIB;
/** Longest value, bytes. */
export const VALUE_BYTES_MAX: number = 1 * MIB;
/** Largest encoded transaction, bytes. */
export const TRANSACTION_BYTES_MAX: number = 2 * MIB;
/** Most transactions in a block. */
export const BLOCK_TRANSACTIONS_MAX = 10_000;
/** Most writes in a block, of all its transactions. */
export const BLOCK_WRITES_MAX = 100_000;
/** Most events in a block, of all its transactions. */
export const BLOCK_EVENTS_MAX = 100_000;
/** Largest encoded block (CommitBlockRequest), bytes. */
export const BLOCK_BYTES_MAX: number = 3 * MIB;
/** Largest version: what a JSON number holds exactly. */
export const VERSION_MAX: bigint = 2n ** 53n - 1n;

/** A tile holds at most this many bytes of items, or one item. A constant of the format. */
export const TILE_BYTES_MAX: number = 128 * KIB;
/** A frame holds consecutive tiles up to this many bytes, or one larger tile. */
export const FRAME_BYTES_TARGET: number = 128 * KIB;
/** Largest frame, bytes. */
export const FRAME_BYTES_MAX: number = 3 * MIB;
/** Weight of a deleted key in the tiling of a delta, bytes. */
export const DELETED_KEY_TILE_BYTES = 64;

/** Largest part of an upload, bytes. */
export const UPLOAD_PART_BYTES_MAX: number = 64 * KIB;
/** Most bytes of tiles in one UploadStateTiles call. */
export const UPLOAD_BYTES_MAX: number = 4 * MIB;
/** Upload calls of one restore at the same time. */
export const UPLOAD_STREAMS_MAX = 4;
/** Window of a connection that uploads, and of each call on it, bytes. */
export const UPLOAD_WINDOW_BYTES: number = MIB;

/** Largest message the gateway takes, bytes. */
export const GATEWAY_RECEIVE_BYTES_MAX: number = 128 * KIB;
/** Largest message storage takes, bytes. */
export const STORAGE_RECEIVE_BYTES_MAX: number = 4 * MIB;

/** Memory of a server for requests that have not arrived whole, over all calls, bytes. */
export const RECEIVING_BYTES_MAX: number = 64 * MIB;

/** Longest request id, bytes. */
export const REQUEST_ID_BYTES_MAX = 64;
/** Block request ids kept: number. */
export const REQUEST_IDS_KEPT_MAX = 100_000;
/** Block request ids kept: age, microseconds. */
export const REQUEST_ID_AGE_US_MAX: bigint = 24n * 3600n * 1_000_000n;

/** Lease TTL: least, default, most, milliseconds. */
export const LEASE_TTL_MS_MIN = 5_000;
export const LEASE_TTL_MS_DEFAULT = 30_000;
export const LEASE_TTL_MS_MAX = 300_000;

/** Stream deadline: default and most, milliseconds. */
export const STREAM_DEADLINE_MS_DEFAULT = 3_600_000;
export const STREAM_DEADLINE_MS_MAX = 86_400_000;
/** Unary deadline: default and most, milliseconds. */
export const UNARY_DEADLINE_MS_DEFAULT = 30_000;
export const UNARY_DEADLINE_MS_MAX = 300_000;
/** Storage gets the caller's remaining time less this, milliseconds. */
export const UPSTREAM_DEADLINE_MARGIN_MS = 250;
/** A stream whose reader takes no frame for this long ends, milliseconds. */
export const STALL_MS_MAX = 30_000;
/** A silent stream says why at least this often, milliseconds. */
export const HEARTBEAT_MS = 5_000;

/** Slots of the gateway and of storage. */
export const GATEWAY_SLOTS = 256;
export const STORAGE_SLOTS = 512;
/** Calls that wait for a slot: number, and longest wait in milliseconds. */
export const SLOT_WAITERS_MAX = 1_000;
export const SLOT_WAIT_MS_MAX = 20_000;
/** Cancelled calls after which an upstream channel is retired. */
export const CHANNEL_CANCELS_MAX = 500;
/** HTTP/2 window of the gateway's upstream channel, bytes. */
export const UPSTREAM_WINDOW_BYTES: number = 256 * KIB;
/** Streams of a gateway with a wide window upstream, and that window, bytes. */
export const WIDE_STREAMS_MAX = 16;
export const WIDE_WINDOW_BYTES: number = MIB;

import type { CallOptions, ClientOptions } from "@grpc/grpc-js";
import { limits } from "@holdfast/core";
import { wallMs } from "./wall-time.js";

/** What a channel may be told. */
export interface ChannelTuning {
  /** HTTP/2 window of each stream, bytes: the bound of what waits for a slow reader. */
  readonly windowBytes?: number;
  /** Largest message taken, bytes. */
  readonly receiveBytesMax?: number;
}

/** Window of a client that reads at once, bytes: 6 times the throughput of 64 KiB on loopback. */
export const CLIENT_WINDOW_BYTES: number = 4 * 2 ** 20;
/** Head room of a frame above its chunks. */
const FRAME_OVERHEAD_BYTES = 64 * 1024;
/** Largest message a client takes unless it is told otherwise, bytes. */
export const RECEIVE_BYTES_MAX: number = limits.FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES;
/** A server that comes back is found again within this. */
const RECONNECT_MS_MAX = 2_000;
/**
 * grpc-js says that a message is taken as soon as it is in its retry buffer (1 MiB a call unless
 * told otherwise, also when retries are off); only behind that does an upload feel its server.
 */
const RETRY_BUFFER_BYTES = 64 * 1024;
/** Node's longest timer; it fires at once above it. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Options of a client. Every client has connections of its own, and one retry loop: ours. */
export function clientOptions(tuning: ChannelTuning = {}): ClientOptions {
  return {
    "grpc-node.flow_control_window": tuning.windowBytes ?? CLIENT_WINDOW_BYTES,
    "grpc.max_receive_message_length": tuning.receiveBytesMax ?? RECEIVE_BYTES_MAX,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.per_rpc_retry_buffer_size": RETRY_BUFFER_BYTES,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS_MAX,
  };
}

/** Options of one call that may take so long, milliseconds. */
export function callOptions(timeoutMs: number): CallOptions {
  return { deadline: wallMs() + wholeTimeoutMs(timeoutMs) };
}

/** A timeout in whole milliseconds, as long as a timer may be. */
export function wholeTimeoutMs(timeoutMs: number): number {
  return Math.min(Math.max(Math.ceil(timeoutMs), 0), TIMEOUT_MS_MAX);
}

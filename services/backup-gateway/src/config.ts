import { limits } from "@holdfast/core";
import {
  type Address,
  address,
  type CommonConfig,
  commonOptions,
  integer,
  option,
  parseOptions,
} from "@holdfast/process";

/** What a gateway is told when it starts. */
export interface GatewayConfig extends CommonConfig {
  /** Address of storage. */
  readonly storage: Address;
  /** Streams and uploads at the same time. */
  readonly slots: number;
}

/**
 * With the 500 cancels after which a connection to storage is replaced, so many streams that are
 * cancelled at once stay below the 1,000 resets at which storage would close the connection.
 */
const SLOTS_MAX = 480;

/** Reads flags and variables. @throws UsageError. */
export function readConfig(args?: readonly string[]): GatewayConfig {
  return parseOptions(
    {
      name: "holdfast-gateway",
      description: "The door for backup and restore clients of one holdfast-storage.",
      options: {
        storage: option(
          "--storage <host:port>",
          "address of holdfast-storage",
          "127.0.0.1:7410",
          address,
        ),
        slots: option(
          "--slots <n>",
          "streams and uploads served at the same time; a stream takes about 1 MiB of memory",
          String(limits.GATEWAY_SLOTS),
          integer(1, SLOTS_MAX),
        ),
        ...commonOptions("127.0.0.1:7420", "127.0.0.1:7421"),
      },
    },
    args,
  );
}

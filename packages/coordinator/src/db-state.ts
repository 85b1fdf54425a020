import type { types } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import type { Gateways } from "./gateways.js";
import type { Patience } from "./patience.js";

/** What the store says of itself. @throws like `Patience.retry`. */
export async function dbState(
  gateways: Gateways,
  patience: Patience,
  signal: AbortSignal,
): Promise<types.DbState> {
  const { state } = await patience.retry(
    () => gateways.call(({ backup }) => backup.getDbState.bind(backup), {}, signal),
    signal,
  );
  if (state === undefined) throw new HoldfastError("INTERNAL", "The answer has no state.");
  return state;
}

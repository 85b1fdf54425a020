import type { History } from "../state/state-reader.js";
import type { GenerationBuilder } from "./generation-builder.js";
import type { ProvedBatch, TileBatch } from "./tile-prover.js";

/** What the live store holds, as of its newest commit. */
export interface LiveState {
  /** 16 bytes; null for an empty store. */
  readonly ledgerId: Buffer | null;
  /** The current history first. */
  readonly histories: readonly History[];
  /** Null for an empty store. */
  readonly committed: bigint | null;
  /** 32 bytes; the placeholder for an empty store. */
  readonly stateRoot: Buffer;
}

/** The live store. */
export interface LiveStore {
  state(): LiveState;
  /**
   * Serves another generation from now on; requests that began before end in theirs. Called while
   * commits are paused, after the control database names it live.
   */
  goLive(generation: number): Promise<void>;
}

/** The generations on disk. */
export interface Generations {
  /** A number that no generation has or had since the start. */
  next(): Promise<number>;
  /** Opens a generation that is not live, to write state at `version`; makes it when missing. */
  build(generation: number, version: bigint): Promise<GenerationBuilder>;
  /** Removes the files of a generation that nobody has open. */
  remove(generation: number): Promise<void>;
  /** Bytes its files take on disk; 0 when there are none. */
  sizeBytes(generation: number): Promise<bigint>;
  /** Free bytes on the disk. */
  freeBytes(): Promise<bigint>;
}

/** Proves tiles on other threads. */
export interface TileProvers {
  /** Starts a thread, if there is none: it loads its code before there is something to prove. */
  prepare(): void;
  /**
   * Folds the tiles of a batch; takes the memory of its body.
   * @throws PROOF_INVALID; the signal's reason when aborted before it began.
   */
  prove(version: bigint, batch: TileBatch, signal: AbortSignal): Promise<ProvedBatch>;
  /** Lets the threads go; the next `prove` starts them again. */
  rest(): Promise<void>;
}

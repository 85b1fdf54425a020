import { createHash, type Hash } from "node:crypto";
import { HoldfastError, limits } from "@holdfast/core";
import { rootOf, TileRootFold } from "@holdfast/merkle";
import { encodePlanRow, type PlanTile } from "./plan-row.js";

/** What the tiles of a plan must come to. */
export interface PlanTotals {
  readonly tileCount: number;
  readonly items: bigint;
  readonly bytes: bigint;
  /** 32 bytes. */
  readonly stateRoot: Buffer;
}

/** Largest count that a tile may name; its sum over all tiles stays exact. */
const COUNT_MAX: number = 2 ** 40;

/**
 * Checks the tiles of a plan one by one, in ascending order: that each is small enough to be
 * uploaded, and that together they fold to the state root. Memory: one path of nodes.
 */
export class PlanCheck {
  readonly #fold: TileRootFold = new TileRootFold();
  readonly #digest: Hash = createHash("sha256");
  readonly #expected: PlanTotals;
  #tiles = 0;
  #items = 0n;
  #bytes = 0n;

  /** @param head what the plan says besides its tiles, encoded: part of its digest. */
  constructor(expected: PlanTotals, head: Uint8Array) {
    this.#expected = expected;
    this.#digest.update(head);
  }

  /**
   * Takes the next tile; answers its plan row.
   * @throws PROOF_INVALID.
   */
  add(tile: PlanTile): Buffer {
    const { path, node, items, bytes } = tile;
    if (this.#tiles === this.#expected.tileCount) {
      throw invalid(`The plan has more than the ${this.#tiles} tiles it announced.`);
    }
    if (node.kind === "empty") throw invalid(`Tile ${path} is empty.`, path);
    if (items < 1 || items > COUNT_MAX || bytes < 1 || bytes > COUNT_MAX) {
      throw invalid(`Tile ${path} names an impossible number of items or bytes.`, path);
    }
    if ((node.kind === "leaf") !== (items === 1)) {
      throw invalid(`Tile ${path} has ${items} items but a node of kind ${node.kind}.`, path);
    }
    if (items > 1 && bytes > limits.TILE_BYTES_MAX) {
      throw invalid(`Tile ${path} has more than ${limits.TILE_BYTES_MAX} bytes.`, path);
    }
    this.#fold.add(path, node);
    this.#tiles += 1;
    this.#items += BigInt(items);
    this.#bytes += BigInt(bytes);
    const row = encodePlanRow(tile);
    this.#digest.update(`${path}\n`).update(row);
    return row;
  }

  /**
   * All tiles are there: answers the digest of the plan.
   * @throws PROOF_INVALID when they do not come to what was announced.
   */
  finish(): Buffer {
    const { tileCount, items, bytes, stateRoot } = this.#expected;
    if (this.#tiles !== tileCount) {
      throw invalid(`The plan has ${this.#tiles} tiles and announced ${tileCount}.`);
    }
    if (this.#items !== items || this.#bytes !== bytes) {
      throw invalid(
        `The tiles hold ${this.#items} items of ${this.#bytes} bytes, announced were ${items} ` +
          `of ${bytes}.`,
      );
    }
    if (!rootOf(this.#fold.finish()).equals(stateRoot)) {
      throw invalid("The tiles do not fold to the state root.");
    }
    return this.#digest.digest();
  }
}

function invalid(message: string, path?: string): HoldfastError {
  return new HoldfastError("PROOF_INVALID", message, {
    metadata: path === undefined ? {} : { path },
  });
}

/** How to make the nodes of a tree; how they look is up to the maker. */
export interface NodeMaker<Node> {
  /** The inner node at `depth` above two halves. Called in post-order. */
  inner(left: Node, right: Node, depth: number): Node;
  /** The empty half. */
  readonly empty: Node;
  /** The bit at `depth` of the key hash pushed last. */
  bit(depth: number): 0 | 1;
}

/** Depth of a lone leaf, which stands for its subtree at any depth. */
const LEAF = -1;

/**
 * Finds the shape of a subtree from its leaves, given in strictly ascending order of key hash.
 * Neighbours that share d leading bits meet in a node at depth d; above a node of two or more
 * leaves each level is an inner node with an empty half, while a lone leaf rises for nothing.
 * Memory: a node for each level of the current leaf.
 */
export class AscendingFold<Node> {
  readonly #make: NodeMaker<Node>;
  /** Left halves that wait for their right ones, with the depth of the node above; ascending. */
  readonly #halves: Node[] = [];
  readonly #depths: number[] = [];
  /** The subtree under way: the last leaf, or an inner node at `#depth` that holds it. */
  #node: Node;
  #depth = LEAF;
  #leaves = 0;

  constructor(make: NodeMaker<Node>) {
    this.#make = make;
    this.#node = make.empty;
  }

  /** Number of leaves pushed. */
  get leaves(): number {
    return this.#leaves;
  }

  /**
   * Before a leaf: closes what is complete. `commonBits` is what the key hash to come shares with
   * the one pushed last. Not called before the first leaf.
   */
  part(commonBits: number): void {
    this.#joinDownTo(commonBits + 1);
    this.#riseTo(commonBits + 1);
    this.#halves.push(this.#node);
    this.#depths.push(commonBits);
  }

  /** Adds a leaf. */
  push(leaf: Node): void {
    this.#node = leaf;
    this.#depth = LEAF;
    this.#leaves++;
  }

  /** The node of the subtree at `depth`, under which all leaves lie. */
  finish(depth: number): Node {
    this.#joinDownTo(depth);
    this.#riseTo(depth);
    return this.#node;
  }

  /** Joins the subtree under way with the left halves of all nodes at `depth` or deeper. */
  #joinDownTo(depth: number): void {
    for (let i = this.#depths.length - 1; i >= 0; i--) {
      const above = this.#depths[i] ?? LEAF;
      if (above < depth) return;
      this.#riseTo(above + 1);
      this.#depths.pop();
      const left = this.#halves.pop() ?? this.#make.empty;
      this.#node = this.#make.inner(left, this.#node, above);
      this.#depth = above;
    }
  }

  /** Puts an inner node under inner nodes until it stands at `depth`; a leaf just rises. */
  #riseTo(depth: number): void {
    while (this.#depth > depth) {
      this.#depth--;
      this.#node =
        this.#make.bit(this.#depth) === 0
          ? this.#make.inner(this.#node, this.#make.empty, this.#depth)
          : this.#make.inner(this.#make.empty, this.#node, this.#depth);
    }
  }
}

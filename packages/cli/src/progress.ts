/** How far a command is. */
export interface ProgressState {
  readonly items: number;
  /** Bytes of items. */
  readonly bytes: number;
  /** Items in all; null when nobody knows. */
  readonly itemsTotal: number | null;
}

/** Shows how far a command is. */
export interface Progress {
  /** What is being done now. */
  phase(name: string): void;
  update(state: ProgressState): void;
  /** Nothing more will come. */
  stop(): void;
}

/** The command line is wrong, or asked for help. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  /** 0 for help, 2 for a mistake. */
  readonly exitCode: number;

  constructor(message: string, exitCode: 0 | 2 = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The reason a command's signal aborts with when its process is told to end. */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted";
  readonly signalName: "SIGINT" | "SIGTERM";

  constructor(signalName: "SIGINT" | "SIGTERM") {
    super(`Ended by ${signalName}.`);
    this.signalName = signalName;
  }
}

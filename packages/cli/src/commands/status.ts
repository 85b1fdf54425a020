import type { Command } from "commander";
import type { Execute } from "../command-context.js";

/** `holdfast status`: what the store holds. */
export function addStatus(program: Command, execute: Execute): void {
  const command = program.command("status").description("show what the store holds");
  command.action(() =>
    execute(command, async (context) => {
      const { runStatus } = await import("../service-commands.js");
      return runStatus(context);
    }),
  );
}

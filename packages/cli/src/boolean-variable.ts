import type { Command, Option } from "commander";

/**
 * Lets the variable of a boolean option say no, too: commander takes it for yes, whatever it says.
 * The flag wins, as with every option.
 */
export function addBooleanVariable(program: Command, option: Option, variable: string): void {
  // Called behind commander's own listener, in the place of which this decides.
  program.on(`optionEnv:${option.name()}`, () => {
    const value = booleanVariable(variable);
    if (value === null) {
      const text = process.env[variable];
      program.error(`error: variable ${variable} is "${text}", which is neither true nor false.`);
    }
    program.setOptionValueWithSource(option.attributeName(), value, "env");
  });
}

/** What a variable says; null when it is neither true nor false. One that is not set is false. */
export function booleanVariable(variable: string): boolean | null {
  const text = process.env[variable] ?? "";
  if (["true", "1"].includes(text)) return true;
  return ["false", "0", ""].includes(text) ? false : null;
}

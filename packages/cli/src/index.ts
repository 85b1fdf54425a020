export { EXIT, exitCodeOf } from "./exit-code.js";
export { run } from "./run.js";

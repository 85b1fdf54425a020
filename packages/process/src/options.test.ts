// Goal: flags win over variables over defaults, and every mistake is a usage error.
import assert from "node:assert/strict";
import test from "node:test";
import { formatAddress, isLoopback, parseAddress, requireSafeListen } from "./address.js";
import { durationMs, integer, oneOf, option, parseOptions, required, text } from "./options.js";
import { commonOptions } from "./service-options.js";
import { UsageError } from "./usage-error.js";

const program = {
  name: "sample",
  description: "A sample.",
  options: {
    ...commonOptions("127.0.0.1:7410", "127.0.0.1:7411"),
    dataDir: required("--data-dir <dir>", "folder of the data", text),
    slots: option("--slots <n>", "slots", "512", integer(1, 1_000)),
  },
};

const isUsage = (exitCode: number, message: RegExp) => (error: unknown) =>
  error instanceof UsageError && error.exitCode === exitCode && message.test(error.message);

test("flags win over variables over defaults", () => {
  const env = { HOLDFAST_DATA_DIR: "/env", HOLDFAST_SLOTS: "7", HOLDFAST_INSECURE: "true" };
  const given = parseOptions(program, ["--data-dir", "/flag", "--drain-delay", "0"], env);
  assert.deepEqual(given, {
    listen: { host: "127.0.0.1", port: 7410 },
    adminListen: { host: "127.0.0.1", port: 7411 },
    insecure: true,
    drainDelayMs: 0,
    drainGraceMs: 30_000,
    logLevel: "info",
    dataDir: "/flag",
    slots: 7,
  });
});

test("a switch is on and off by its variable, and off without one", () => {
  const isOn = (env: Record<string, string>, args: string[] = []): boolean =>
    parseOptions(program, ["--data-dir", "x", ...args], env).insecure;
  for (const text of ["true", "1"]) assert.equal(isOn({ HOLDFAST_INSECURE: text }), true, text);
  for (const text of ["false", "0", ""]) {
    assert.equal(isOn({ HOLDFAST_INSECURE: text }), false, `"${text}"`);
    assert.equal(isOn({ HOLDFAST_INSECURE: text }, ["--insecure"]), true, "flags win");
  }
  assert.equal(isOn({}), false);
});

test("mistakes are usage errors that name the option", () => {
  const cases: [string[], Record<string, string>, RegExp][] = [
    [[], {}, /--data-dir \(or HOLDFAST_DATA_DIR\) is required/],
    [["--data-dir", ""], {}, /--data-dir: it is empty/],
    [["--data-dir", "x", "--slots", "0"], {}, /--slots: "0" is not a whole number/],
    [["--data-dir", "x"], { HOLDFAST_SLOTS: "many" }, /--slots/],
    [["--data-dir", "x", "--listen", "nowhere"], {}, /--listen/],
    [["--data-dir", "x", "--log-level", "loud"], {}, /--log-level/],
    [["--data-dir", "x"], { HOLDFAST_INSECURE: "maybe" }, /--insecure/],
    [["--data-dir"], {}, /argument missing/],
    [["extra"], {}, /too many arguments/],
  ];
  for (const [args, env, message] of cases) {
    assert.throws(() => parseOptions(program, args, env), isUsage(2, message), String(args));
  }
});

test("help names every option with default and variable", () => {
  let help = "";
  assert.throws(
    () => parseOptions(program, ["--help"], {}),
    (error) => {
      help = String((error as Error).message).replaceAll(/\s+/g, " ");
      return isUsage(0, /Usage: sample/)(error);
    },
  );
  for (const spec of Object.values(program.options)) assert.ok(help.includes(spec.flag), spec.flag);
  assert.match(help, /\(default: "512"; HOLDFAST_SLOTS\)/);
});

test("durations, numbers and words", () => {
  const good: [string, number][] = [
    ["0", 0],
    ["2", 2_000],
    ["1.5s", 1_500],
    ["250ms", 250],
    ["5m", 300_000],
    ["1h", 3_600_000],
  ];
  for (const [value, ms] of good) assert.equal(durationMs(value), ms, value);
  for (const value of ["", "-1", "2d", "s", "1e3", "1000h", " 1"]) {
    assert.throws(() => durationMs(value), UsageError, value);
  }
  assert.equal(integer(0, 2 ** 40)("1099511627776"), 2 ** 40);
  assert.throws(() => integer(0, 5)("0x5"), UsageError);
  assert.equal(oneOf("a", "b")("b"), "b");
});

test("addresses", () => {
  for (const value of ["127.0.0.1:7410", "localhost:0", "[::1]:80", "storage.internal:65535"]) {
    assert.equal(formatAddress(parseAddress(value)), value);
  }
  for (const value of ["", "7410", ":7410", "a:65536", "[a]:1", "::1:80", "a b:1", "a:1:2"]) {
    assert.throws(() => parseAddress(value), UsageError, value);
  }
  const loopback = ["127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"];
  for (const value of loopback) assert.equal(isLoopback(parseAddress(value)), true, value);
  for (const value of ["0.0.0.0:1", "10.0.0.1:1", "127.0.0.1.example.org:1", "[::]:1"]) {
    assert.equal(isLoopback(parseAddress(value)), false, value);
    assert.throws(() => requireSafeListen(parseAddress(value), false), UsageError, value);
    requireSafeListen(parseAddress(value), true);
  }
});

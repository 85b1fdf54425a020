// Goal: what scripts see of a service process: ready line, signals, exit codes, where logs go.
// Method: a sample service in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@holdfast/testing";

const SAMPLE = fileURLToPath(new URL("./test-support/sample-service.js", import.meta.url));

function run(...args: string[]) {
  const child = spawn(process.execPath, [SAMPLE, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const seen = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    seen.stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    seen.stderr += chunk;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, seen, ended };
}

test("one ready line on stdout, JSON logs on stderr, exit 0 on SIGTERM", async () => {
  const { child, seen, ended } = run();
  await until(() => seen.stdout.includes("\n"), "the ready line");
  const ready = JSON.parse(seen.stdout) as { ready: boolean; listen: string; admin: string };
  assert.deepEqual(Object.keys(ready), ["ready", "listen", "admin"]);
  assert.equal((await fetch(`http://${ready.admin}/healthz`)).status, 200);
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.equal(seen.stdout.trim().split("\n").length, 1);
  const messages = seen.stderr
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.deepEqual(messages, ["ready", "draining", "drain begins", "stopped", "ended"]);
});

test("a signal ends a start that takes long", async () => {
  const { child, seen, ended } = run("--mode", "start-hangs");
  await until(() => seen.stderr.includes("start begins"), "the start");
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.equal(seen.stdout, "", "it was never ready");
});

test("a second signal hurries", async () => {
  const { child, seen, ended } = run("--mode", "slow");
  await until(() => seen.stdout.includes("\n"), "the ready line");
  child.kill("SIGINT");
  await until(() => seen.stderr.includes("drain begins"), "the drain");
  child.kill("SIGINT");
  assert.equal(await ended, 0);
  assert.match(seen.stderr, /ending now/);
});

for (const [mode, text] of [
  ["start-fails", /could not start: .*no engine.*\n$/],
  ["rejects", /unhandled rejection.*|lost/],
  ["fatal", /engine failed/],
] as const) {
  test(`exit 1 and a log line: ${mode}`, async () => {
    const { seen, ended } = run("--mode", mode);
    assert.equal(await ended, 1);
    assert.match(seen.stderr, text);
  });
}

test("a wrong command line is exit 2, help is exit 0", async () => {
  const wrong = run("--nope");
  assert.equal(await wrong.ended, 2);
  assert.match(wrong.seen.stderr, /unknown option '--nope'/);
  const open = run("--listen", "0.0.0.0:0");
  assert.equal(await open.ended, 2);
  assert.match(open.seen.stderr, /no TLS/);
  const help = run("--help");
  assert.equal(await help.ended, 0);
  assert.match(
    help.seen.stdout,
    /--drain-grace <duration>.*\(default:\s+"30s";\s+HOLDFAST_DRAIN_GRACE\)/s,
  );
});

// Goal: machines that watch get metrics, health and readiness, and nothing else.
import assert from "node:assert/strict";
import test from "node:test";
import { AdminServer } from "./admin-server.js";
import { Metrics } from "./metrics.js";

test("GET /metrics, /healthz and /readyz, and nothing else", async () => {
  const metrics = new Metrics("gateway");
  const calls = metrics.callCounter();
  calls.callStarted("/s/A");
  calls.callStarted("/s/A");
  calls.callEnded("/s/A", "OK", 0.5);
  calls.frameSent("/s/A", 100);
  metrics.observedGauge("slots_running", "Slots in use", () => 42);
  metrics.observedCounter("slots_refused_total", "Refused", () => 3);
  let reasons: string[] = ["storage is away"];
  const admin = new AdminServer(metrics, () => reasons);
  const base = `http://${await admin.start({ host: "127.0.0.1", port: 0 })}`;
  try {
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const line of [
      'holdfast_gateway_calls_running{method="/s/A"} 1',
      'holdfast_gateway_calls_total{method="/s/A",status="OK"} 1',
      'holdfast_gateway_sent_bytes_total{method="/s/A"} 100',
      "holdfast_gateway_slots_running 42",
      "holdfast_gateway_slots_refused_total 3",
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    assert.match(text, /^holdfast_gateway_process_resident_memory_bytes \d+/m);
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    const away = await fetch(`${base}/readyz`);
    assert.equal(away.status, 503);
    assert.equal(await away.text(), "storage is away\n");
    reasons = [];
    assert.equal((await fetch(`${base}/readyz?verbose`)).status, 200);
    assert.equal((await fetch(`${base}/`)).status, 404);
    assert.equal((await fetch(`${base}/metrics`, { method: "POST" })).status, 405);
  } finally {
    await admin.stop();
  }
  await assert.rejects(fetch(`${base}/healthz`));
});

test("a taken port is an error", async () => {
  const metrics = new Metrics("storage");
  const first = new AdminServer(metrics, () => []);
  const [host = "", port] = (await first.start({ host: "127.0.0.1", port: 0 })).split(":");
  const second = new AdminServer(metrics, () => []);
  await assert.rejects(second.start({ host, port: Number(port) }), /EADDRINUSE/);
  await second.stop();
  await first.stop();
});

test("names follow the rule", () => {
  const metrics = new Metrics("storage");
  assert.throws(() => metrics.counter("calls", "no total"));
  assert.throws(() => metrics.gauge("Calls-running", "bad characters"));
  metrics.histogram("scan_seconds", "Scans", [1, 2]).observe(1.5);
});

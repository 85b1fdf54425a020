// Goal: an error arrives as it was thrown, and nothing else leaves the process.
// Method: round trips through the wire form, generated texts, and what grpc-js itself makes.
import assert from "node:assert/strict";
import test from "node:test";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { errors, googleRpcErrorDetails, googleRpcStatus } from "@holdfast/api";
import { HoldfastError, invalidField, REASONS, type Reason } from "@holdfast/core";
import { toServiceError } from "./error-to-status.js";
import { fromServiceError } from "./status-to-error.js";
import type { WireStatus } from "./wire-status.js";

const received = (wire: WireStatus): ServiceError =>
  Object.assign(new Error(`${wire.code} ${wire.details}`), wire);

const foreign = (code: status, details: string): ServiceError =>
  received({ code, details, metadata: new Metadata() });

test("every reason of the contract has a status, and the other way round", () => {
  const contract = Object.keys(errors.ErrorReason).filter((name) => name !== "UNSPECIFIED");
  assert.deepEqual(Object.keys(REASONS).sort(), contract.sort());
});

test("every reason survives the wire with all it carries", () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const sent = new HoldfastError(reason, "What happened. What to do.", {
      metadata: { version: "18446744073709551615", holder: "job ä€😀" },
      retryAfterMs: 1_250,
      fieldViolations: [{ field: "path", description: "is not hex" }],
      cause: new Error("secret"),
    });
    const wire = toServiceError(sent);
    assert.equal(status[wire.code], REASONS[reason]);
    const got = fromServiceError(received(wire));
    assert.equal(got.reason, reason);
    assert.equal(got.message, sent.message);
    assert.deepEqual(got.metadata, sent.metadata);
    assert.equal(got.retryAfterMs, 1_250);
    assert.deepEqual(got.fieldViolations, sent.fieldViolations);
    assert.equal(got.cause, undefined);
  }
});

test("a wrong field is named", () => {
  const got = fromServiceError(received(toServiceError(invalidField("ttl", "is negative"))));
  assert.deepEqual(got.fieldViolations, [{ field: "ttl", description: "is negative" }]);
});

test("what is not ours is hidden behind an incident", () => {
  const reported: HoldfastError[] = [];
  const secret = new Error("EACCES /secret/path");
  const wire = toServiceError(secret, (incident) => reported.push(incident));
  assert.equal(wire.code, status.INTERNAL);
  assert.doesNotMatch(wire.details, /secret/);
  assert.equal(reported.length, 1);
  assert.equal(reported[0]?.cause, secret);
  const got = fromServiceError(received(wire));
  assert.equal(got.metadata["incident"], reported[0]?.metadata["incident"]);
});

test("texts are well-formed and bounded, so that grpc-js can encode them", () => {
  const texts = ["\ud800", "a\udc00b", "😀".repeat(1_000), `${"x".repeat(1_023)}ä`, "\0\n%"];
  for (const text of texts) {
    const metadata = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, text]));
    const wire = toServiceError(new HoldfastError("LEASE_HELD", text, { metadata }));
    assert.doesNotThrow(() => encodeURI(wire.details));
    assert.ok(Buffer.byteLength(wire.details) <= 1024);
    assert.doesNotMatch(
      wire.details.replaceAll("\ufffd", ""),
      /[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/,
    );
    const [packed] = wire.metadata.get("grpc-status-details-bin");
    assert.ok(packed !== undefined && packed.length < 8 * 1024, "trailers stay below 8 KiB");
    assert.equal(fromServiceError(received(wire)).reason, "LEASE_HELD");
  }
});

test("what grpc-js makes itself gets the reason that tells what to do", () => {
  const cases: [status, string, Reason][] = [
    [
      status.UNAVAILABLE,
      "No connection established. Last error: ECONNREFUSED",
      "STORAGE_UNAVAILABLE",
    ],
    [status.UNAVAILABLE, "Connection dropped", "STORAGE_UNAVAILABLE"],
    [
      status.INTERNAL,
      "Received RST_STREAM with code 2 triggered by internal client error: Session closed with error code 2",
      "STORAGE_UNAVAILABLE",
    ],
    [
      status.INTERNAL,
      "Received RST_STREAM with code 0 (Call ended without gRPC status)",
      "STORAGE_UNAVAILABLE",
    ],
    [status.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 8)", "MESSAGE_TOO_LARGE"],
    [
      status.RESOURCE_EXHAUSTED,
      "Bandwidth exhausted or memory limit exceeded",
      "STORAGE_UNAVAILABLE",
    ],
    [status.DEADLINE_EXCEEDED, "Deadline exceeded after 0.1s", "DEADLINE_EXCEEDED"],
    [status.CANCELLED, "Call cancelled", "CANCELLED"],
    [status.UNIMPLEMENTED, "The server does not implement the method", "INTERNAL"],
    [status.INTERNAL, "Response message parsing error: premature EOF", "INTERNAL"],
  ];
  for (const [code, details, reason] of cases) {
    assert.equal(fromServiceError(foreign(code, details)).reason, reason, details);
  }
  assert.equal(fromServiceError(new TypeError("mine")).reason, "INTERNAL");
});

test("details that cannot be read are ignored", () => {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
  const wire = { code: status.UNAVAILABLE, details: "x", metadata };
  assert.equal(fromServiceError(received(wire)).reason, "STORAGE_UNAVAILABLE");
});

test("an error that is passed on keeps its bytes, also where nobody here knows its reason", () => {
  const metadata = new Metadata();
  const body = googleRpcStatus.Status.encode({
    code: status.RESOURCE_EXHAUSTED,
    message: "Later.",
    details: [
      {
        typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
        value: Buffer.from(
          googleRpcErrorDetails.ErrorInfo.encode({
            reason: "OF_A_LATER_VERSION",
            domain: "holdfast",
            metadata: {},
          }).finish(),
        ),
      },
      { typeUrl: "type.googleapis.com/google.rpc.QuotaFailure", value: Buffer.from([1, 2, 3]) },
    ],
  }).finish();
  metadata.set("grpc-status-details-bin", Buffer.from(body));
  metadata.set("x-internal", "stays here");
  const came = { code: status.RESOURCE_EXHAUSTED, details: "Later.", metadata };
  const sent = toServiceError(fromServiceError(received(came)));
  assert.equal(sent.code, came.code);
  assert.equal(sent.details, came.details);
  assert.deepEqual(sent.metadata.toJSON(), {
    "grpc-status-details-bin": [Buffer.from(body)],
  });
});

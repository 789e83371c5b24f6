import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { OperatorError } from "../runtime/operator_error.ts";
import { failureFrom, failureOf } from "./rpc_failure.ts";

Deno.test("failures are told in the words of their cause, and permanent ones are known", () => {
  const wrapped = (cause: string) => `No connection established. Last error: ${cause}. Resolution note: `;
  const cases: [status, string, string, boolean][] = [
    [
      status.UNAVAILABLE,
      wrapped("connect ECONNREFUSED 127.0.0.1:1 (2026-01-02T03:04:05.678Z)"),
      "UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:1",
      false,
    ],
    [
      status.UNAVAILABLE,
      wrapped("Error: self-signed certificate in certificate chain"),
      "UNAVAILABLE: self-signed certificate in certificate chain; the certificate is not from the CA in --tls-ca",
      true,
    ],
    [
      status.UNAVAILABLE,
      wrapped("Failed to connect (2026-01-02T03:04:05.678Z)"),
      "UNAVAILABLE: Failed to connect; the other side ended the connection at once: is TLS on, or off, on both sides, " +
      "and does it accept this side's certificate?",
      false,
    ],
    [
      status.UNAUTHENTICATED,
      "authentication failed",
      "UNAUTHENTICATED: authentication failed; the processor wants an API key that is for hunters: " +
      "check --api-key or --api-key-file",
      true,
    ],
    [status.RESOURCE_EXHAUSTED, "100 hunters", "RESOURCE_EXHAUSTED: 100 hunters", false],
    [status.UNKNOWN, "certificate of death", "UNKNOWN: certificate of death", false],
    [status.OK, "OK", "the processor ended the stream", false],
    [status.OK, "", "the processor ended the stream", false],
    ...["read ECONNRESET", "write EPIPE"].map((cause): [status, string, string, boolean] => [
      status.UNAVAILABLE,
      wrapped(`${cause} (2026-01-02T03:04:05.678Z)`),
      `UNAVAILABLE: ${cause}; the other side ended the connection at once: is TLS on, or off, on both sides, ` +
      "and does it accept this side's certificate?",
      false,
    ]),
    [status.UNAVAILABLE, "read ECONNRESET", "UNAVAILABLE: read ECONNRESET", false],
  ];
  for (const [code, details, message, permanent] of cases) {
    const failure = failureOf({ code, details });
    assert.deepEqual([failure.message, failure.permanent, failure.code], [message, permanent, code]);
  }
});

Deno.test("wrong certificates on this side are permanent, too", () => {
  assert.equal(failureFrom(new OperatorError("no such file")).permanent, true);
  assert.equal(failureFrom(new Error("odd")).permanent, false);
  assert.equal(failureFrom("text").message, "text");
});

import assert from "node:assert/strict";
import {
  type CertificateFigures,
  firstToEnd,
  validityProblem,
  ValidityWatch,
} from "./certificate_validity.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const certificate: CertificateFigures = {
  role: "own",
  subject: "CN=edge",
  notBeforeMs: start,
  notAfterMs: start + 90 * day,
};

Deno.test("a certificate is warned of from 30 days before its end, and outside of its validity", () => {
  const cases: [days: number, problem: string | undefined][] = [
    [-1, "is valid only from 2026-01-01: check it, and this machine's clock"],
    [0, undefined],
    [59.9, undefined],
    [60, "expires on 2026-04-01, in 30 days: renew it"],
    [88.5, "expires on 2026-04-01, in 1 day: renew it"],
    [89.9, "expires on 2026-04-01, in 0 days: renew it"],
    [91, "expired on 2026-04-01: renew it"],
  ];
  for (const [days, problem] of cases) {
    assert.equal(validityProblem(certificate, start + days * day), problem, String(days));
  }
});

Deno.test("each certificate is warned of once a day", () => {
  const lines: string[] = [];
  const watch = new ValidityWatch((line) => lines.push(line), "the processor");
  const peer = { ...certificate, role: "peer", subject: "CN=processor" } as const;
  const far = { ...certificate, role: "ca", notAfterMs: start + 900 * day } as const;
  const at = (days: number, certificates: readonly CertificateFigures[]) => {
    lines.length = 0;
    watch.check(certificates, start + days * day);
    return [...lines];
  };
  const own = "the certificate CN=edge in --tls-cert expires on 2026-04-01, in 20 days: renew it";
  assert.deepEqual(at(70, [certificate, far]), [own]);
  assert.deepEqual(at(70.5, [certificate, far, peer]), [
    "the certificate CN=processor of the processor expires on 2026-04-01, in 19 days: renew it",
  ]);
  assert.deepEqual(at(70.9, [certificate, far, peer]), []);
  assert.deepEqual(at(71, [certificate, far, peer]), [own.replace("in 20", "in 19")]);
  assert.deepEqual(at(71.1, [{ ...certificate, notAfterMs: start + 190 * day }, far, peer]), []);
});

Deno.test("of several certificates the one that ends first counts", () => {
  const later = { ...certificate, notAfterMs: start + 91 * day };
  assert.equal(firstToEnd([later, certificate]), certificate);
  assert.equal(firstToEnd([]), undefined);
});

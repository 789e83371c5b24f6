import type { X509Certificate } from "node:crypto";

/** Validity of a certificate in use. */
export interface CertificateFigures {
  /** Whose: this side's, the other side's, or that of the authority that verifies the other side. */
  readonly role: "own" | "peer" | "ca";
  /** Subject as one line, such as `CN=processor`. */
  readonly subject: string;
  /** Start of its validity, ms since the epoch. */
  readonly notBeforeMs: number;
  /** End of its validity, ms since the epoch. */
  readonly notAfterMs: number;
}

const dayMs = 86_400_000;
/** A certificate that ends within this time is warned of. */
export const warningDays = 30;

/** What matters of a certificate here. */
export function certificateFigures(
  certificate: X509Certificate,
  role: CertificateFigures["role"],
): CertificateFigures {
  return {
    role,
    subject: certificate.subject.replaceAll("\n", ", "),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** The one of `certificates` that ends first; undefined when there is none. */
export function firstToEnd(certificates: readonly CertificateFigures[]): CertificateFigures | undefined {
  return certificates.toSorted((one, other) => one.notAfterMs - other.notAfterMs)[0];
}

/** What is to be said of a certificate at `nowMs`, if anything: it ends soon, or cannot be used now. */
export function validityProblem(certificate: CertificateFigures, nowMs: number): string | undefined {
  const { notBeforeMs, notAfterMs } = certificate;
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (nowMs < notBeforeMs) {
    return `is valid only from ${day(notBeforeMs)}: check it, and this machine's clock`;
  }
  if (nowMs > notAfterMs) return `expired on ${day(notAfterMs)}: renew it`;
  if (nowMs < notAfterMs - warningDays * dayMs) return undefined;
  const days = Math.floor((notAfterMs - nowMs) / dayMs);
  return `expires on ${day(notAfterMs)}, in ${days} ${days === 1 ? "day" : "days"}: renew it`;
}

/** Why the own certificate cannot be valid for anybody now; undefined when it can be, or there is none. */
export function ownCertificateProblem(
  certificates: readonly CertificateFigures[],
  nowMs: number = Date.now(),
): string | undefined {
  const own = certificates.find(({ role }) => role === "own");
  if (own === undefined || (nowMs >= own.notBeforeMs && nowMs <= own.notAfterMs)) return undefined;
  return `the certificate in --tls-cert ${validityProblem(own, nowMs)}`;
}

/** Warns of certificates that end soon: at first sight, and then once a day. */
export class ValidityWatch {
  readonly #warn: (line: string) => void;
  readonly #nameOfPeer: string;
  /** When each certificate was warned of last; the few in use now. */
  #told = new Map<string, number>();

  /** Has warned of none yet; `nameOfPeer` is what the other side is called: `the processor`. */
  constructor(warn: (line: string) => void, nameOfPeer: string) {
    this.#warn = warn;
    this.#nameOfPeer = nameOfPeer;
  }

  /** Looks at the certificates in use. */
  check(certificates: readonly CertificateFigures[], nowMs: number = Date.now()): void {
    const told = new Map<string, number>();
    for (const certificate of certificates) {
      const problem = validityProblem(certificate, nowMs);
      if (problem === undefined) continue;
      const key = `${certificate.role} ${certificate.notAfterMs} ${certificate.subject}`;
      const last = this.#told.get(key);
      const due = last === undefined || Math.abs(nowMs - last) >= dayMs;
      if (due) this.#warn(`the certificate ${certificate.subject} ${this.#placeOf(certificate)} ${problem}`);
      told.set(key, due ? nowMs : last);
    }
    this.#told = told;
  }

  #placeOf({ role }: CertificateFigures): string {
    return role === "peer" ? `of ${this.#nameOfPeer}` : `in ${role === "own" ? "--tls-cert" : "--tls-ca"}`;
  }
}

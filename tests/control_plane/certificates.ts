/**
 * Certificates for tests, made by the program openssl in a folder that goes when the tests end.
 *
 * @module
 */
import assert from "node:assert/strict";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Path of a file in the folder. */
export const file = (name: string) => `${folder}/${name}`;

/** Runs openssl in the folder; what it printed. Fails when it does, unless it is `s_client`. */
export async function openssl(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", { args, cwd: folder, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  assert.ok(success || args[0] === "s_client", decoder.decode(stderr));
  return decoder.decode(stdout) + decoder.decode(stderr);
}

async function hasOpenssl(): Promise<boolean> {
  try {
    await openssl("version");
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.warn(
      "skipped: the TLS tests make their certificates with the program openssl, which is not installed",
    );
    return false;
  }
}

/** False: tests with certificates must be skipped. */
export const canMakeCertificates = await hasOpenssl();
/** `Deno.test`, or what skips a test where certificates cannot be made. */
export const testWithCertificates = canMakeCertificates ? Deno.test : Deno.test.ignore;

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const quarter = 90 * 86_400_000;

/** Makes an authority: NAME.pem and NAME.key, valid for 90 days. */
export async function authority(name: string): Promise<void> {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.pem`];
  await openssl("req", "-x509", ...newKey, ...files, "-days", "90", "-subj", `/CN=${name}`);
}

/**
 * Makes a certificate: NAME.pem and NAME.key.
 * @param subjects as openssl writes a subjectAltName
 * @param validity in ms from now; a day ago to 90 days ahead when left out
 */
export async function certificate(
  name: string,
  issuer: string,
  subjects: string,
  validity: readonly [from: number, to: number] = [-86_400_000, quarter],
): Promise<void> {
  await openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  await sign(name, issuer, subjects, validity);
}

/** Signs NAME.csr anew: NAME.pem. */
export async function sign(
  name: string,
  issuer: string,
  subjects: string,
  validity: readonly [from: number, to: number] = [-86_400_000, quarter],
): Promise<void> {
  await Deno.writeTextFile(file(`${name}.ext`), `subjectAltName=${subjects}\n`);
  await Deno.writeTextFile(file(`${name}.index`), "");
  await Deno.writeTextFile(
    file(`${name}.cnf`),
    `[ca]\ndefault_ca = here\n[here]\ndatabase = ${name}.index\nnew_certs_dir = .\nrand_serial = yes\n` +
      `default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n`,
  );
  const [from, to] = validity.map((ms) =>
    new Date(Date.now() + ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "")
  );
  await openssl(
    ...["ca", "-batch", "-notext", "-config", `${name}.cnf`, "-extfile", `${name}.ext`],
    ...["-cert", `${issuer}.pem`, "-keyfile", `${issuer}.key`, "-in", `${name}.csr`, "-out", `${name}.pem`],
    ...["-startdate", from!, "-enddate", to!],
  );
}

/** The settings of a certificate and its key. */
export const pair = (name: string) => ({ tlsCert: file(`${name}.pem`), tlsKey: file(`${name}.key`) });

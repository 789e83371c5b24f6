/** Certificates for tests of TLS between programs, made with openssl. */
import { command, type Folder } from "../end_to_end/program.ts";

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes `ca.pem`, and `server` and `client`, each with `.pem` and `.key`, that it signed, in a folder. */
export async function makeCertificates(folder: Folder): Promise<void> {
  const openssl = (...args: string[]) => command(["openssl", ...args], { cwd: folder.path });
  await openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca");
  for (const name of ["server", "client"]) {
    await openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const extensions = folder.file(`${name}.ext`, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", extensions];
    await openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `${name}.pem`);
  }
}

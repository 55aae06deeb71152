/** The PEM files that a hub serves TLS with, looked at before workerd is: its own words are few. */
import { errorText } from "../../shared/lib/error-text.ts";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export interface TlsFiles {
  /** The certificate, then its chain. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** @returns Absolute paths. @throws Error naming the flag and what is wrong with its file. */
export function readableTls(files: TlsFiles): TlsFiles {
  const certificate = read("--tls-cert", files.certFile, (pem) => new X509Certificate(pem));
  const key = read("--tls-key", files.keyFile, (pem) => createPrivateKey(pem));
  if (!certificate.checkPrivateKey(key))
    throw new Error(`--tls-key ${files.keyFile}: is not the key of ${files.certFile}`);
  if (certificate.validToDate.getTime() < Date.now())
    throw new Error(`--tls-cert ${files.certFile}: expired on ${certificate.validTo}`);
  return { certFile: resolve(files.certFile), keyFile: resolve(files.keyFile) };
}

function read<T>(flag: string, file: string, parse: (pem: Buffer) => T): T {
  try {
    return parse(readFileSync(file));
  } catch (error) {
    const why = errorText(error);
    throw new Error(`${flag} ${file}: ${why}`, { cause: error });
  }
}

/**
 * Whether a certificate that chains to the right authority is the right one: Calico compares the
 * subject's common name or a URI among the alternative names, exactly, and no host name
 * (typha/pkg/tlsutils/tlsutils.go:CertificateVerifier). [TYP24]
 */
import type { PeerCertificate } from "node:tls";

import type { TlsSettings } from "./settings.ts";

/** Why it is not; `null` when it is. */
export function wrongPeer(
  certificate: Pick<PeerCertificate, "subject" | "subjectaltname">,
  { cn, uriSan }: Pick<TlsSettings, "cn" | "uriSan">,
): string | null {
  const names: unknown = certificate.subject?.CN;
  // Of several common names Go takes the last.
  const name: unknown = Array.isArray(names) ? names.at(-1) : names;
  if (cn !== undefined && name === cn) return null;
  const uris = urisOf(certificate.subjectaltname ?? "");
  if (uriSan !== undefined && uris.includes(uriSan)) return null;
  const wanted = [cn && `CN ${JSON.stringify(cn)}`, uriSan && `URI ${JSON.stringify(uriSan)}`]
    .filter(Boolean)
    .join(" or ");
  return `its certificate is for CN ${JSON.stringify(name ?? "")}${uris.length > 0 ? `, URI ${uris.join(", ")}` : ""}; expected ${wanted}`;
}

/** Node's text of the alternative names: `DNS:a, URI:"quoted, as JSON", URI:plain`. */
function urisOf(text: string): string[] {
  const uris: string[] = [];
  for (const [, kind, quoted, plain] of text.matchAll(
    /(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  ))
    if (kind === "URI")
      uris.push(quoted === undefined ? (plain ?? "") : String(JSON.parse(quoted)));
  return uris;
}

/** The TLS settings among a relay's options, for either side of the splice. [TYP24] */
import type { RelayConfig } from "./relay-config.ts";
import { tlsSettings } from "../tls/settings.ts";
import type { TlsSettings } from "../tls/settings.ts";

/** `null`: no TLS on that side. @throws Error that names the options which are missing. */
export function tlsSettingsOf(
  config: Partial<RelayConfig>,
  side: "typha" | "listen",
): TlsSettings | null {
  return side === "typha"
    ? tlsSettings(
        {
          caFile: config.typhaCaFile,
          certFile: config.typhaCertFile,
          keyFile: config.typhaKeyFile,
          cn: config.typhaCn,
          uriSan: config.typhaUriSan,
        },
        {
          caFile: "--typha-ca-file",
          certFile: "--typha-cert-file",
          keyFile: "--typha-key-file",
          cn: "--typha-cn",
          uriSan: "--typha-uri-san",
        },
      )
    : tlsSettings(
        {
          caFile: config.listenCaFile,
          certFile: config.listenCertFile,
          keyFile: config.listenKeyFile,
          cn: config.listenClientCn,
          uriSan: config.listenClientUriSan,
        },
        {
          caFile: "--listen-ca-file",
          certFile: "--listen-cert-file",
          keyFile: "--listen-key-file",
          cn: "--listen-client-cn",
          uriSan: "--listen-client-uri-san",
        },
      );
}

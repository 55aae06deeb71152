/** Where a hub listens: `HOST:PORT`, found free before workerd is started. */
import { createServer } from "node:net";

import { isLoopbackHost } from "../../shared/ip/loopback.ts";

/** The port is in use: the caller may try another. */
export class PortTakenError extends Error {}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** As a configuration or URL has it: IPv6 in brackets. */
export function addressText({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where this machine reaches it. */
export function localUrl({ host, port }: ListenAddress, scheme: "http" | "https"): string {
  const isAny = host === "0.0.0.0" || host === "::";
  return `${scheme}://${addressText({ host: isAny ? "127.0.0.1" : host, port })}`;
}

/**
 * A token that is heard on the way is a cluster, so plain http stays on the machine. [CRE19]
 * @throws Error naming the flags.
 */
export function requirePrivate(
  { host, port }: ListenAddress,
  given: { readonly isTls: boolean; readonly isInsecureMeant: boolean },
): void {
  if (given.isTls || given.isInsecureMeant || isLoopbackHost(host)) return;
  throw new Error(
    `--listen ${addressText({ host, port })}: plain http is served on loopback only, because a token that is heard on the way is a cluster. Give --tls-cert and --tls-key, put a TLS proxy before it (deploy/hub), or insist with --insecure-http`,
  );
}

/**
 * Finds out now whether the address can be had, because workerd would only say so in a log line.
 * @throws PortTakenError, or Error naming the flag.
 */
export async function reservePort(listen: string): Promise<ListenAddress> {
  const { host, port } = parseListen(listen);
  const server = createServer();
  const taken = await new Promise<number | Error>((done) => {
    server.once("error", done);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      done(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  if (taken instanceof Error) {
    const code = "code" in taken ? taken.code : "";
    if (code === "EADDRINUSE")
      throw new PortTakenError(`--listen ${listen}: the port is taken by another program`);
    throw new Error(`--listen ${listen}: ${taken.message}`);
  }
  await new Promise((done) => server.close(done));
  return { host, port: taken };
}

/** @throws Error naming the form. */
export function parseListen(listen: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Error(`--listen ${listen}: must be HOST:PORT, as 127.0.0.1:8787`);
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/**
 * A proxy that is itself reached over TLS, trusted and identified as the API server is: Go's
 * clients have one TLS configuration for both, Node's own agent has none for the proxy. [SRC84]
 */
import type { ClientRequestArgs } from "node:http";
import { Agent, request } from "node:https";
import type { AgentOptions } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";

type Created = (error: Error | null, socket: Duplex) => void;

export class TlsProxyAgent extends Agent {
  readonly #proxy: URL;
  readonly #tls: AgentOptions;

  /** @param tls Of the API server: whom to trust, and who asks. */
  constructor(proxy: URL, tls: AgentOptions) {
    super(tls);
    this.#proxy = proxy;
    const { ca, cert, key, rejectUnauthorized } = tls;
    this.#tls = {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert, key }),
      ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    };
  }

  override createConnection(options: ClientRequestArgs, created: Created): undefined {
    const { hostname, port, username, password } = this.#proxy;
    const host = hostname.replace(/^\[|\]$/g, "");
    const target = `${options.host ?? ""}:${options.port ?? 443}`;
    const failed = (error: Error): void => created(error, undefined as never);
    const who = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const asked = request({
      ...this.#tls,
      host,
      port: port === "" ? 443 : Number(port),
      // Else the name in the `host` header, which is the API server's.
      servername: isIP(host) === 0 ? host : "",
      method: "CONNECT",
      path: target,
      agent: false,
      headers: {
        host: target,
        ...(username !== "" && {
          "proxy-authorization": `Basic ${Buffer.from(who).toString("base64")}`,
        }),
      },
    });
    asked.once("connect", (response, socket) => {
      if (response.statusCode === 200) created(null, this.#overTunnel(options, socket));
      else {
        socket.destroy();
        failed(new Error(`the proxy ${this.#proxy.host} answered ${response.statusCode ?? 0}`));
      }
    });
    asked.once("error", failed);
    asked.end();
    return undefined;
  }

  #overTunnel(options: ClientRequestArgs, socket: Duplex): Duplex {
    const host = options.host ?? "";
    const named: object = { servername: isIP(host) === 0 ? host : "", ...options, socket };
    return super.createConnection(named as ClientRequestArgs) as Duplex;
  }
}

/**
 * What lies between a relay and its hub: slow lines, boxes that forget silent connections, cables
 * that are pulled.
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export interface TcpProxyOptions {
  /** Where the hub is; asked at each connection, which ends where this throws. */
  target(): string;
  /** Milliseconds that every byte takes longer, each way. */
  readonly delayMs?: number;
  /**
   * A connection on which nothing was said for so long is closed by a reset on both sides, as NAT
   * tables and load balancers do.
   */
  readonly idleMs?: number;
  /** A connection is cut off, both ways, when the target has said so much. */
  readonly maxBytes?: number;
}

export class TcpProxy {
  readonly #options: TcpProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that came until now, and those that were closed for their silence. */
  dials = 0;
  idleKills = 0;

  private constructor(options: TcpProxyOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get open(): number {
    return this.#sockets.size / 2;
  }

  /**
   * Loses everything that is said on the connections of now, without closing one; later connections
   * work.
   */
  swallow(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners("data");
      socket.resume();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket): void {
    this.dials++;
    const hub = this.#dial();
    if (hub === null) {
      client.destroy();
      return;
    }
    const { idleMs, maxBytes = Infinity } = this.#options;
    let said = 0;
    let timer: NodeJS.Timeout | null = null;
    const heard = (): void => {
      if (timer !== null) clearTimeout(timer);
      if (idleMs === undefined) return;
      timer = setTimeout(() => {
        this.idleKills++;
        client.resetAndDestroy();
        hub.resetAndDestroy();
      }, idleMs);
    };
    heard();
    for (const [from, to] of [
      [client, hub],
      [hub, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (data) => {
        heard();
        if (from === hub && (said += data.length) > maxBytes) {
          client.destroy();
          hub.destroy();
        }
        this.#later(() => to.destroyed || to.write(data));
      });
      from.on("error", () => from.destroy());
      from.on("close", () => {
        if (timer !== null) clearTimeout(timer);
        this.#sockets.delete(from);
        this.#later(() => to.destroy());
      });
    }
  }

  /** `null`: the process behind does not run now. */
  #dial(): Socket | null {
    try {
      const [host, port] = this.#options.target().split(":");
      return connect({ host: host ?? "", port: Number(port) });
    } catch {
      return null;
    }
  }

  /** In order: timers of equal length fire in the order in which they were set. */
  #later(run: () => void): void {
    const { delayMs } = this.#options;
    if (delayMs === undefined) run();
    else setTimeout(run, delayMs);
  }
}

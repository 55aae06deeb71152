/**
 * Sockets of a path check: ordinary UDP and TCP ones, which need no right. Linux sets "do not
 * fragment" on their UDP packets by itself (`ip_no_pmtu_disc` 0) until it has learnt that a way is
 * narrower. Thin: what is sent and what it means is decided elsewhere. [OVL12]
 */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { networkInterfaces } from "node:os";

import { PATH_PORT, TCP_BYTES } from "../../shared/overlay/path-check.ts";
import { PROBE_BYTES } from "./probe.ts";

export interface PathEars {
  onDatagram(bytes: Uint8Array, source: string): void;
  /** All that has come of a connection until now. */
  onStream(bytes: Buffer): void;
  /** May a connection come from there. */
  isExpected(source: string): boolean;
}

/** A UDP socket to one address and port. */
export interface PathSocket {
  send(bytes: Uint8Array): void;
  /** System error codes since the last call. */
  errors(): readonly string[];
  close(): void;
}

export interface PathNet {
  /** Opens UDP on all of them and TCP on those in the tunnel. @throws Error in words. */
  listen(
    addresses: { readonly outer: readonly string[]; readonly tunnel: readonly string[] },
    ears: PathEars,
  ): Promise<{ close(): void }>;
  socket(from: string, to: string, port: number): Promise<PathSocket>;
  /** Whether it was connected; ends when all was taken, or after `patienceMs`. */
  stream(from: string, to: string, bytes: Uint8Array, patienceMs: number): Promise<boolean>;
  /** MTU of the device with that address; `null`: no device has it. */
  mtuOf(address: string): number | null;
}

/** A peer that sends more than a check is cut off. */
const MOST_STREAM = PROBE_BYTES + TCP_BYTES;
const MOST_STREAMS = 32;

export const NODE_PATH_NET: PathNet = {
  async listen({ outer, tunnel }, ears) {
    const open: { close(): unknown }[] = [];
    const close = (): void => open.forEach((one) => one.close());
    try {
      for (const address of [...outer, ...tunnel]) open.push(await bound(address, PATH_PORT, ears));
      for (const address of tunnel) open.push(await serving(address, ears));
    } catch (error) {
      close();
      throw error;
    }
    return { close };
  },
  async socket(from, to, port) {
    const socket = await bound(from, 0, null);
    let codes: string[] = [];
    const note = (error: NodeJS.ErrnoException | null): void => {
      if (error !== null) codes.push(error.code ?? error.message);
    };
    socket.on("error", note);
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.connect(port, to, ((error?: Error) => {
        note((error ?? null) as NodeJS.ErrnoException | null);
        resolve();
      }) as () => void);
    });
    return {
      send: (bytes) => {
        try {
          socket.send(bytes, note);
        } catch (error) {
          note(error as NodeJS.ErrnoException);
        }
      },
      errors: () => {
        const known = codes;
        codes = [];
        return known;
      },
      close: () => void socket.close(),
    };
  },
  stream: (from, to, bytes, patienceMs) =>
    new Promise((resolve) => {
      let isConnected = false;
      const socket = connect({ host: to, port: PATH_PORT, localAddress: from });
      const late = setTimeout(() => socket.destroy(), patienceMs);
      socket.on("error", () => undefined);
      socket.once("connect", () => {
        isConnected = true;
        socket.end(bytes);
      });
      socket.resume();
      socket.once("close", () => {
        clearTimeout(late);
        resolve(isConnected);
      });
    }),
  mtuOf(address) {
    for (const [device, addresses = []] of Object.entries(networkInterfaces()))
      if (addresses.some((one) => one.address === address)) return deviceMtu(device);
    return null;
  },
};

function deviceMtu(device: string): number | null {
  try {
    return Number(readFileSync(`/sys/class/net/${device}/mtu`, "utf8"));
  } catch {
    return null;
  }
}

async function bound(address: string, port: number, ears: PathEars | null): Promise<UdpSocket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", fail);
    socket.bind(port, address, () => {
      socket.off("error", fail);
      resolve();
    });
  });
  if (ears !== null) {
    socket.on("error", () => undefined);
    socket.on("message", (bytes, { address: source }) => ears.onDatagram(bytes, source));
  }
  return socket;
}

async function serving(address: string, ears: PathEars): Promise<{ close(): void }> {
  const open = new Set<{ destroy(): unknown }>();
  const server: Server = createServer({ allowHalfOpen: false }, (socket) => {
    socket.on("error", () => undefined);
    if (!ears.isExpected(socket.remoteAddress ?? "")) return void socket.destroy();
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    let bytes = Buffer.alloc(0);
    socket.on("data", (part: Buffer) => {
      bytes = Buffer.concat([bytes, part]);
      if (bytes.length > MOST_STREAM) return void socket.destroy();
      ears.onStream(bytes);
    });
  });
  server.maxConnections = MOST_STREAMS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port: PATH_PORT }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

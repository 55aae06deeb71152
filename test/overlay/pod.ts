/**
 * What runs in a pod's namespace: `node pod.ts ADDRESS…` answers UDP packets to its addresses with
 * the source that it saw, and sends such packets when a line of its input says so. Each packet is
 * sent from a port of its own, so that each is a new flow for the kernel's connection tracking.
 */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";

import type { Order, Pong, Said } from "./pod-process.ts";

const PORT = 7_777;
/** A packet that has not come back by then is lost. */
const LOST_MS = 2_000;

function say(line: Said): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function listen(address: string): Promise<void> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (_, from) =>
    socket.send(`${from.address} ${from.port}`, from.port, from.address),
  );
  return new Promise((resolve) => socket.bind(PORT, address, resolve));
}

/** @param from An address of this pod; without one the kernel chooses. */
function ping(to: string, from?: string): Promise<Pong> {
  const sentAt = Date.now();
  const socket = createSocket(to.includes(":") ? "udp6" : "udp4");
  return new Promise((resolve) => {
    const end = (seen: string | null): void => {
      clearTimeout(timer);
      const own = seen === null ? "" : `${socket.address().address} ${socket.address().port}`;
      socket.close();
      resolve({
        sentAt,
        tookMs: Date.now() - sentAt,
        seen,
        isHidden: seen !== null && seen !== own,
      });
    };
    const timer = setTimeout(() => end(null), LOST_MS);
    // What the kernel refuses to send at once (no route) is lost like what never comes back.
    const onSent = (): undefined => undefined;
    socket.on("error", onSent);
    socket.on("message", (text) => end(text.toString()));
    socket.bind(0, from, () =>
      socket.connect(PORT, to, (() => socket.send("ping", onSent)) as () => void),
    );
  });
}

const flows = new Map<
  number,
  { readonly timer: NodeJS.Timeout; readonly pongs: Promise<Pong>[] }
>();

async function obey(order: Order): Promise<void> {
  if (order.do === "ping") say({ id: order.id, pongs: [await ping(order.to)] });
  else if (order.do === "flow") {
    const pongs: Promise<Pong>[] = [];
    const timer = setInterval(() => pongs.push(ping(order.to)), order.everyMs);
    flows.set(order.id, { timer, pongs });
  } else {
    const flow = flows.get(order.id);
    clearInterval(flow?.timer);
    flows.delete(order.id);
    say({ id: order.id, pongs: await Promise.all(flow?.pongs ?? []) });
  }
}

await Promise.all(process.argv.slice(2).map(listen));
say({ id: 0, pongs: [] });
createInterface({ input: process.stdin }).on("line", (line) => {
  // Of the test that started it.
  void obey(JSON.parse(line) as Order);
});

/** `node hub-door.ts PORT PATH`: what connects to that port of loopback comes to the socket. */
import { connect, createServer } from "node:net";

const [port = "", path = ""] = process.argv.slice(2);
createServer((socket) => {
  const out = connect(path);
  for (const [one, other] of [
    [socket, out],
    [out, socket],
  ] as const) {
    one.on("error", () => other.destroy());
    one.pipe(other);
  }
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("open\n"));

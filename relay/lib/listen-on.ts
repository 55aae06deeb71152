import type { AddressInfo, Server } from "node:net";

import { splitHostPort } from "./host-port.ts";

/**
 * Listens at HOST:PORT.
 * @param onError Hears what fails later (no descriptor is left for a connection): it costs that
 *   connection, where an error without a listener would end the process.
 * @throws the system's error when it cannot listen.
 */
export function listenOn(
  server: Server,
  listen: string,
  onError: (error: Error) => void,
): Promise<AddressInfo> {
  const [host, port] = splitHostPort(listen);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      server.on("error", onError);
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address);
      else reject(new Error(`BUG: ${listen} is no TCP address`));
    });
  });
}

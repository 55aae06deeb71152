/** How the cluster's own etcd is reached: its files are read with each connection. */
import { readFile } from "node:fs/promises";

import type { RelayConfig } from "./relay-config.ts";

export type EtcdSettings = Pick<
  RelayConfig,
  | "etcdEndpoints"
  | "etcdCaFile"
  | "etcdCertFile"
  | "etcdKeyFile"
  | "etcdUsername"
  | "etcdPasswordFile"
>;

/** @throws the system's error, naming the file */
export async function etcdAccess(config: EtcdSettings) {
  const { etcdEndpoints: endpoints = [], etcdUsername: username = "" } = config;
  const [ca, cert, key, password] = await Promise.all(
    [config.etcdCaFile, config.etcdCertFile, config.etcdKeyFile, config.etcdPasswordFile].map(
      (file) => (file === undefined ? Promise.resolve("") : readFile(file, "utf8")),
    ),
  );
  return {
    endpoints,
    username,
    password: (password ?? "").replace(/\r?\n$/, ""),
    ca: ca ?? "",
    cert: cert ?? "",
    key: key ?? "",
  };
}

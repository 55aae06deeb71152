/** How an etcd is reached, and by whom. */

/** Certificates and keys as PEM, empty where there is none. */
export interface EtcdAccess {
  /** `https://HOST:PORT`, asked in turn. */
  readonly endpoints: readonly string[];
  /** Both, or none. */
  readonly username: string;
  readonly password: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

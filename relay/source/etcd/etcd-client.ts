/**
 * A connection to one member of an etcd, the next one with each attempt; authenticates where a user
 * is given, and again where the token is refused. [DIR11]
 */
import type { EtcdAccess } from "./etcd-access.ts";
import { CODES, GrpcChannel, GrpcError } from "./grpc-channel.ts";
import type { GrpcStream, StreamHandlers } from "./grpc-channel.ts";
import {
  afterKey,
  AUTHENTICATE,
  authenticateRequest,
  prefixEnd,
  RANGE,
  rangeRequest,
  readRangePage,
  readToken,
  readVersion,
  STATUS,
  WATCH,
} from "./messages.ts";
import type { RangePage } from "./messages.ts";

const CALL_MS = 20_000;
/** etcd counts all that is left for each page. */
const PAGE_KEYS = 5_000;

export class EtcdClient {
  readonly #access: () => Promise<EtcdAccess>;
  #attempts = 0;

  constructor(access: () => Promise<EtcdAccess>) {
    this.#access = access;
  }

  /** @throws Error where it cannot be reached, GrpcError where it refuses the user. */
  async connect(): Promise<EtcdConnection> {
    const access = await this.#access();
    const endpoint = access.endpoints[this.#attempts++ % access.endpoints.length];
    if (endpoint === undefined) throw new Error("no endpoint of etcd is given");
    const url = /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`;
    const connection = new EtcdConnection(url, access);
    try {
      await connection.authenticate();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }
}

export class EtcdConnection {
  readonly url: string;
  readonly access: EtcdAccess;
  readonly #channel: GrpcChannel;
  #token = "";

  /** @param url Of one of the endpoints. */
  constructor(url: string, access: EtcdAccess) {
    this.url = url;
    this.access = access;
    this.#channel = new GrpcChannel(url, access);
  }

  close(): void {
    this.#channel.close();
  }

  async authenticate(): Promise<void> {
    const { username, password } = this.access;
    if (username === "") return;
    const request = authenticateRequest(username, password);
    this.#token = readToken(await this.#channel.call(AUTHENTICATE, request, {}, CALL_MS));
  }

  /** A page of a prefix behind a key, as it came. @param revision 0: the newest. */
  async rangeMessage(prefix: string, after: string, revision: number): Promise<Uint8Array> {
    const from = after === "" ? prefix : afterKey(after);
    const request = rangeRequest(from, prefixEnd(prefix), { limit: PAGE_KEYS, revision });
    return this.#call(RANGE, request);
  }

  /** The same, read. */
  async range(prefix: string, after: string, revision: number): Promise<RangePage> {
    return readRangePage(await this.rangeMessage(prefix, after, revision));
  }

  /** Its version, as `3.6.8`; empty where it does not say. */
  async version(): Promise<string> {
    try {
      return readVersion(await this.#call(STATUS, new Uint8Array(0)));
    } catch (error) {
      if (error instanceof GrpcError) return "";
      throw error;
    }
  }

  /** A member that has lost its leader ends the stream instead of falling silent. */
  watch(handlers: StreamHandlers): GrpcStream {
    return this.#channel.stream(WATCH, { hasleader: "true", ...this.#metadata() }, handlers);
  }

  #metadata(): Readonly<Record<string, string>> {
    return this.#token === "" ? {} : { token: this.#token };
  }

  async #call(path: string, request: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#channel.call(path, request, this.#metadata(), CALL_MS);
    } catch (error) {
      if (!isTokenRefused(error) || this.access.username === "") throw error;
      await this.authenticate();
      return this.#channel.call(path, request, this.#metadata(), CALL_MS);
    }
  }
}

/** It has expired, or users were changed since it was given. */
function isTokenRefused(error: unknown): boolean {
  if (!(error instanceof GrpcError)) return false;
  return (
    error.code === CODES.unauthenticated ||
    (error.code === CODES.invalidArgument && error.message.includes("auth store is old"))
  );
}

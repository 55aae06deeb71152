/** Messages to one Felix, encoded; and whether more waits for it than is worth reading on for. */
import {
  encodeDecoderRestart,
  encodeKvsAround,
  encodePing,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  SERVER_DEFINITIONS,
} from "../wire/encode.ts";
import type { Elements } from "../wire/encode.ts";
import type { ServerHello } from "../wire/messages.ts";
import { frame } from "../wire/snappy/frame.ts";
import type { FelixStream } from "./felix-stream.ts";

/**
 * Bytes that wait for a Felix before nothing more is read for it: what one message or one read of
 * Typha adds comes on top.
 */
const MAX_BACKLOG_BYTES = 256 * 1024;

export class FelixWriter {
  readonly #stream: FelixStream;

  constructor(stream: FelixStream) {
    this.#stream = stream;
  }

  /** Key/values, or any message, as bytes of the wire. */
  bytes(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  /** @param syncerType As this Felix asked for. */
  hello(typha: ServerHello, syncerType: string): void {
    this.definitions();
    this.#stream.write(
      encodeServerHello({
        version: typha.version,
        syncerType,
        supportsNodeResourceUpdates: true,
        serverConnId: typha.serverConnId,
      }),
    );
  }

  /** Of the gob types: once at the begin of each stream. */
  definitions(): void {
    this.#stream.write(SERVER_DEFINITIONS);
  }

  /** A compressed stream follows, once Felix has acknowledged. */
  restart(): void {
    this.#stream.write(encodeDecoderRestart("remote snapshot", "snappy"));
  }

  elements({ count, parts }: Elements): void {
    if (count === 0) return;
    for (const bytes of encodeKvsAround(count, parts)) this.#stream.write(bytes);
  }

  status(status: number): void {
    this.#stream.write(encodeSyncStatus(status));
  }

  /** @param isCompressed Whether Felix reads a compressed stream now. */
  ping(isCompressed: boolean): void {
    const ping = encodePing(encodeTime(Date.now()));
    this.#stream.write(isCompressed ? frame(ping) : ping);
  }

  /** Sends what is collected. @returns Whether too much of it waits all the same. */
  flush(): boolean {
    this.#stream.flush();
    return this.#stream.backlogBytes > MAX_BACKLOG_BYTES;
  }
}

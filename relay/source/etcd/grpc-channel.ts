/**
 * gRPC to one server over Node's own HTTP/2: single calls and one kind of stream, which is all that
 * etcd asks for. (grpc/doc/PROTOCOL-HTTP2.md, read 2026-11.)
 */
import { connect, constants } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";

/** Largest message: pages are asked for in thousands, and a value has 1.5 MiB at most. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const SESSION_WINDOW_BYTES = 64 * 1024 * 1024;
const PREFIX_BYTES = 5;

export type GrpcCode = number;
export const CODES = {
  invalidArgument: 3,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The server's refusal, in its words. */
export class GrpcError extends Error {
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface ChannelTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface StreamHandlers {
  onMessage(message: Uint8Array): void;
  /** Once; nothing follows. */
  onEnd(error: Error): void;
}

export interface GrpcStream {
  send(message: Uint8Array): void;
  /** No handler is called afterwards. */
  close(): void;
}

type Metadata = Readonly<Record<string, string>>;

export class GrpcChannel {
  readonly #session: ClientHttp2Session;
  readonly #endpoint: string;
  #failure: Error | null = null;

  /** @param endpoint `http://…` or `https://…`. */
  constructor(endpoint: string, { ca, cert, key }: ChannelTls) {
    this.#endpoint = endpoint;
    this.#session = connect(endpoint, {
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
      ...(ca !== "" && { ca }),
      ...(cert !== "" && { cert, key }),
    });
    this.#session.on("connect", () => this.#session.setLocalWindowSize(SESSION_WINDOW_BYTES));
    this.#session.on("error", (error) => (this.#failure = error));
  }

  /** @throws GrpcError, or Error naming the endpoint where it cannot be reached in time. */
  async call(
    path: string,
    message: Uint8Array,
    metadata: Metadata,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const deadline = { "grpc-timeout": `${timeoutMs}m`, ...metadata };
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | null = null;
      const late = setTimeout(() => {
        stream.close();
        reject(this.#named(new Error(`no answer within ${timeoutMs / 1000} s`)));
      }, timeoutMs);
      const stream = this.stream(path, deadline, {
        onMessage: (bytes) => (answer = bytes),
        onEnd: (error) => {
          clearTimeout(late);
          if (answer !== null && error instanceof GrpcError && error.code === 0) resolve(answer);
          else reject(error);
        },
      });
      stream.send(message);
      stream.end();
    });
  }

  stream(path: string, metadata: Metadata, handlers: StreamHandlers): GrpcStream & { end(): void } {
    let isOver = false;
    const end = (error: Error): void => {
      if (isOver) return;
      isOver = true;
      handlers.onEnd(error);
    };
    const opened = this.#open(path, metadata);
    if (opened instanceof Error) {
      queueMicrotask(() => end(opened));
      return { send: () => undefined, end: () => undefined, close: () => void (isOver = true) };
    }
    const messages = new MessageSplitter();
    let status: Error | null = null;
    opened.on("response", (headers) => (status = statusIn(headers) ?? status));
    opened.on("trailers", (headers) => (status = statusIn(headers) ?? status));
    opened.on("data", (chunk: Buffer) => {
      const failed = messages.add(chunk, (message) => isOver || handlers.onMessage(message));
      if (failed !== null) opened.close(constants.NGHTTP2_CANCEL);
      if (failed !== null) end(this.#named(failed));
    });
    opened.on("error", (error) => end(this.#named(this.#failure ?? error)));
    opened.on("close", () =>
      end(status ?? this.#named(this.#failure ?? new Error("the stream broke"))),
    );
    return {
      send: (message) => void opened.write(framed(message)),
      end: () => void opened.end(),
      close: () => {
        isOver = true;
        opened.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  close(): void {
    this.#session.destroy();
  }

  #open(path: string, metadata: Metadata): ClientHttp2Stream | Error {
    if (this.#session.destroyed || this.#session.closed)
      return this.#named(this.#failure ?? new Error("the connection is closed"));
    try {
      return this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        ...metadata,
      });
    } catch (error) {
      return this.#named(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #named(error: Error): Error {
    if (error instanceof GrpcError) return error;
    const words = error.message === "" ? error.name : error.message;
    return new Error(`${this.#endpoint}: ${words}`, { cause: error });
  }
}

/** `null`: nothing is said yet. What is no gRPC has another status or none. */
function statusIn(headers: IncomingHttpHeaders): Error | null {
  const http = headers[":status"];
  const status = headers["grpc-status"];
  if (status === undefined)
    return http === undefined || Number(http) === 200
      ? null
      : new Error(`this is no etcd: it answers HTTP ${String(http)}`);
  return new GrpcError(Number(status), decodeMessage(String(headers["grpc-message"] ?? "")));
}

/** Percent-encoded. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Bytes in pieces → whole messages. */
class MessageSplitter {
  #pieces: Buffer[] = [];
  #length = 0;

  /** @returns Why the stream cannot go on; `null` while it can. */
  add(chunk: Buffer, onMessage: (message: Uint8Array) => void): Error | null {
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= PREFIX_BYTES) {
      const head = this.#peek();
      if (head[0] !== 0) return new Error("a message is compressed, which nobody asked for");
      const size = head.readUInt32BE(1);
      if (size > MAX_MESSAGE_BYTES) return new Error(`a message has ${size} bytes`);
      if (this.#length < PREFIX_BYTES + size) return null;
      const all = this.#joined();
      this.#pieces = [all.subarray(PREFIX_BYTES + size)];
      this.#length -= PREFIX_BYTES + size;
      onMessage(all.subarray(PREFIX_BYTES, PREFIX_BYTES + size));
    }
    return null;
  }

  #peek(): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && first.length >= PREFIX_BYTES ? first : this.#joined();
  }

  #joined(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }
}

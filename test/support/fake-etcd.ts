/**
 * An etcd small enough to break on purpose: pages at a revision, watches with history, compaction,
 * users whose tokens expire. Only what a source uses; the real one is in test/etcd.
 */
import { createServer } from "node:http2";
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

import { MessageReader, MessageWriter } from "../../relay/source/etcd/protobuf.ts";

interface Entry {
  readonly revision: number;
  readonly key: string;
  /** `null`: deleted. */
  readonly value: Uint8Array | null;
}

interface Watch {
  readonly stream: ServerHttp2Stream;
  readonly id: number;
  readonly from: string;
  readonly end: string;
}

export interface FakeRange {
  readonly from: string;
  readonly limit: number;
  readonly revision: number;
}

export class FakeEtcd {
  readonly ranges: FakeRange[] = [];
  /** Watches that were begun, by prefix, with the revision that each began at. */
  readonly begun: { readonly prefix: string; readonly startRevision: number }[] = [];
  authentications = 0;
  /** All that there were. */
  connections = 0;
  /** How many are taken; those after them are closed at once. */
  mostConnections = Infinity;
  /** Largest page, whatever is asked for. */
  pageSize = 1_000;
  version = "3.6.8";
  /** User and password; `null`: everybody may do everything. */
  user: { readonly name: string; readonly password: string } | null = null;
  /** Prefixes that the user may not read. */
  readonly denied = new Set<string>();
  /** To all watches together. */
  progressAnswers = 0;
  /** Progress is not answered. */
  isMute = false;
  readonly #server: Http2Server = createServer();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #history: Entry[] = [];
  readonly #watches = new Set<Watch>();
  #tokens = new Set<string>();
  #revision = 1;
  #compacted = 0;

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get revision(): number {
    return this.#revision;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  async start(): Promise<void> {
    this.#server.on("session", (session) => {
      if (++this.connections > this.mostConnections) return session.destroy();
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => this.#onStream(stream, headers));
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  async stop(): Promise<void> {
    this.breakConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  put(key: string, value: unknown, quietly = false): void {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    this.#add({ revision: ++this.#revision, key, value: Buffer.from(text) }, quietly);
  }

  delete(key: string, quietly = false): void {
    this.#add({ revision: ++this.#revision, key, value: null }, quietly);
  }

  compact(): void {
    this.#compacted = this.#revision;
  }

  expireTokens(): void {
    this.#tokens = new Set();
  }

  breakConnections(): void {
    for (const session of this.#sessions) session.destroy();
    this.#watches.clear();
  }

  /** As a member without a leader ends the streams of those who ask for one. */
  loseLeader(): void {
    for (const { stream } of this.#watches) refuse(stream, 14, "etcdserver: no leader");
  }

  /** Two events of one revision in two messages. */
  sendFragments(key: string, first: unknown, second: unknown): void {
    const revision = ++this.#revision;
    [first, second].forEach((value, i) => {
      const entry = { revision, key: `${key}${i}`, value: Buffer.from(JSON.stringify(value)) };
      this.#history.push(entry);
      for (const watch of this.#watches)
        if (entry.key >= watch.from && entry.key < watch.end)
          send(watch.stream, watchAnswer(watch.id, revision, [entry], i === 0));
    });
  }

  #add(entry: Entry, quietly: boolean): void {
    this.#history.push(entry);
    if (quietly) return;
    for (const { stream, id, from, end } of this.#watches)
      if (entry.key >= from && entry.key < end)
        send(stream, watchAnswer(id, this.#revision, [entry], false));
  }

  #onStream(stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>): void {
    stream.on("error", () => undefined);
    const path = String(headers[":path"]);
    const mayRead = this.user === null || this.#tokens.has(String(headers["token"]));
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    let rest = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const size = rest.readUInt32BE(1);
        const message = rest.subarray(5, 5 + size);
        rest = rest.subarray(5 + size);
        if (!mayRead && !path.endsWith("/Authenticate"))
          refuse(stream, 16, "etcdserver: invalid auth token");
        else this.#onMessage(stream, path, message);
      }
    });
  }

  #onMessage(stream: ServerHttp2Stream, path: string, message: Uint8Array): void {
    if (path.endsWith("/Range")) this.#range(stream, message);
    else if (path.endsWith("/Watch")) this.#watch(stream, message);
    else if (path.endsWith("/Authenticate")) this.#authenticate(stream, message);
    else finish(stream, new MessageWriter().text(2, this.version));
  }

  #authenticate(stream: ServerHttp2Stream, message: Uint8Array): void {
    this.authentications++;
    const fields = read(message);
    const { user } = this;
    if (user?.name !== fields.text(1) || user.password !== fields.text(2))
      return refuse(stream, 3, "etcdserver: authentication failed, invalid user ID or password");
    const token = `token-${this.authentications}`;
    this.#tokens.add(token);
    finish(stream, new MessageWriter().text(2, token));
  }

  #range(stream: ServerHttp2Stream, message: Uint8Array): void {
    const fields = read(message);
    const [from, end] = [fields.text(1), fields.text(2)];
    const [limit, revision] = [fields.number(3), fields.number(4)];
    this.ranges.push({ from, limit, revision });
    if ([...this.denied].some((prefix) => from.startsWith(prefix)))
      return refuse(stream, 7, "etcdserver: permission denied");
    if (revision !== 0 && revision < this.#compacted)
      return refuse(stream, 11, "etcdserver: mvcc: required revision has been compacted");
    const found = this.#at(revision === 0 ? this.#revision : revision)
      .filter(({ key }) => key >= from && key < end)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const page = found.slice(0, Math.min(limit, this.pageSize));
    const answer = new MessageWriter().message(1, header(this.#revision));
    for (const entry of page) answer.message(2, keyValue(entry));
    finish(stream, answer.number(3, Number(page.length < found.length)).number(4, found.length));
  }

  #at(revision: number): Entry[] {
    const newest = new Map<string, Entry>();
    for (const entry of this.#history) if (entry.revision <= revision) newest.set(entry.key, entry);
    return [...newest.values()].filter(({ value }) => value !== null);
  }

  #watch(stream: ServerHttp2Stream, message: Uint8Array): void {
    const fields = read(message);
    const create = fields.bytes(1);
    if (create === null) {
      const progress = new MessageWriter().message(1, header(this.#revision));
      // The id -1, as ten bytes.
      if (this.isMute) return;
      this.progressAnswers++;
      return send(stream, Buffer.concat([progress.done(), MINUS_ONE]));
    }
    const asked = read(create);
    const [from, end, id] = [asked.text(1), asked.text(2), asked.number(7)];
    const startRevision = asked.number(3);
    this.begun.push({ prefix: from, startRevision });
    if (startRevision <= this.#compacted) {
      const canceled = new MessageWriter().message(1, header(this.#revision)).number(2, id);
      send(stream, canceled.number(3, 1).done());
      const gone = new MessageWriter().message(1, header(this.#revision)).number(2, id);
      return send(stream, gone.number(4, 1).number(5, this.#compacted).done());
    }
    const created = new MessageWriter().message(1, header(this.#revision)).number(2, id);
    send(stream, created.number(3, 1).done());
    const watch = { stream, id, from, end };
    this.#watches.add(watch);
    stream.on("close", () => this.#watches.delete(watch));
    const missed = this.#history.filter(
      ({ key, revision }) => key >= from && key < end && revision >= startRevision,
    );
    if (missed.length > 0) send(stream, watchAnswer(id, this.#revision, missed, false));
  }
}

const MINUS_ONE = Buffer.from("10ffffffffffffffffff01", "hex");

function header(revision: number): MessageWriter {
  return new MessageWriter().number(3, revision);
}

function keyValue({ key, value, revision }: Entry): MessageWriter {
  const kv = new MessageWriter().text(1, key).number(3, revision);
  return kv.bytes(5, value ?? new Uint8Array(0));
}

function watchAnswer(
  id: number,
  revision: number,
  entries: readonly Entry[],
  isFragment: boolean,
): Uint8Array {
  const answer = new MessageWriter().message(1, header(revision)).number(2, id);
  answer.number(7, Number(isFragment));
  for (const entry of entries)
    answer.message(
      11,
      new MessageWriter().number(1, Number(entry.value === null)).message(2, keyValue(entry)),
    );
  return answer.done();
}

function read(message: Uint8Array) {
  const texts = new Map<number, Uint8Array>();
  const numbers = new Map<number, number>();
  const reader = new MessageReader(message);
  for (let field = reader.next(); field !== 0; field = reader.next())
    try {
      texts.set(field, reader.bytes());
    } catch {
      numbers.set(field, reader.number());
    }
  return {
    text: (field: number) => Buffer.from(texts.get(field) ?? []).toString("utf8"),
    bytes: (field: number) => texts.get(field) ?? null,
    number: (field: number) => numbers.get(field) ?? 0,
  };
}

function send(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.writableEnded) return;
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  stream.write(frame);
}

function finish(stream: ServerHttp2Stream, message: MessageWriter): void {
  send(stream, message.done());
  endWith(stream, 0, "");
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  endWith(stream, code, message);
}

function endWith(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed || stream.writableEnded) return;
  stream.on("wantTrailers", () =>
    stream.sendTrailers({ "grpc-status": String(code), "grpc-message": encodeURI(message) }),
  );
  stream.end();
}

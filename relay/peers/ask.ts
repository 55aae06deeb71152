/** One question to one relay of the cluster. [PEE2] */
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { PeerConnection } from "./connection.ts";
import { PeerError } from "./frames.ts";
import type { PeerCertificate } from "./handshake.ts";
import type { PeerLimits } from "./limits.ts";
import { MAX_FACTS_BYTES, messageFrame, readAnswer, readFacts } from "./messages.ts";
import type { Answer, Frame, Positions, Question } from "./messages.ts";

/** How this relay asks. */
export interface Asking {
  readonly certificate: PeerCertificate;
  readonly limits: PeerLimits;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** It serves as many as it may: to be asked again. */
export class PeerBusy extends PeerError {}

/** Takes one file as it comes. */
export interface FileSink {
  /** @param bytes That will come. @throws to refuse it. */
  beginFile(rcc: string, bytes: number): Promise<void>;
  writePart(bytes: Uint8Array): Promise<void>;
  /** All of it came. */
  endFile(): Promise<void>;
}

/** @throws PeerError or the system's error. */
export async function askPositions(address: string, asking: Asking): Promise<Positions> {
  const { connection, next } = await ask(address, { type: "positions" }, asking);
  try {
    const frame = await next();
    if (frame.type === "message" && frame.message.type === "positions") return frame.message;
    throw new PeerError("it answered something else than its positions");
  } finally {
    connection.close();
  }
}

/** @throws PeerBusy, PeerError, or the system's error. */
export async function askFacts(address: string, asking: Asking): Promise<AccessFacts> {
  const parts: Buffer[] = [];
  const question: Question = { type: "files", facts: true, rccs: [] };
  await receiveFiles(address, question, asking, {
    beginFile: async (_rcc, bytes) => {
      if (bytes > MAX_FACTS_BYTES) throw new PeerError(`its access facts have ${bytes} bytes`);
    },
    writePart: async (bytes) => void parts.push(Buffer.from(bytes)),
    endFile: async () => undefined,
  });
  return readFacts(Buffer.concat(parts));
}

/** What has come whole before an error stays; the sink is left as it is. @throws as `askFacts`. */
export function askViews(
  address: string,
  rccs: readonly string[],
  asking: Asking,
  sink: FileSink,
): Promise<void> {
  return receiveFiles(address, { type: "files", facts: false, rccs: [...rccs] }, asking, sink);
}

async function receiveFiles(
  address: string,
  question: Extract<Question, { type: "files" }>,
  asking: Asking,
  sink: FileSink,
): Promise<void> {
  const { connection, next } = await ask(address, question, asking);
  const open = new Set<string>(question.facts ? ["", ...question.rccs] : question.rccs);
  try {
    for (;;) {
      const frame = await next();
      if (frame.type === "part") throw new PeerError("a part of no file");
      const { message } = frame;
      if (message.type === "end") return;
      if (message.type === "busy") throw new PeerBusy("it serves others now");
      if (message.type !== "file") throw new PeerError("it answered something else than files");
      const rcc = message.rcc ?? "";
      // Asked for, and once: otherwise it would never have to end.
      if (!open.delete(rcc)) throw new PeerError(`it sent ${rcc || "facts"}, not asked for`);
      await sink.beginFile(rcc, message.bytes);
      for (let left = message.bytes; left > 0;) {
        const part = await next();
        if (part.type !== "part") throw new PeerError(`half of ${rcc || "its facts"}`);
        if (part.bytes.length === 0 || part.bytes.length > left)
          throw new PeerError(`a file of another size than it said`);
        left -= part.bytes.length;
        await sink.writePart(part.bytes);
      }
      await sink.endFile();
    }
  } finally {
    connection.close();
  }
}

async function ask(
  address: string,
  question: Question,
  { certificate, limits, signal }: Asking,
): Promise<{ connection: PeerConnection; next: () => Promise<Frame<Answer>> }> {
  const connection = await PeerConnection.dial(address, certificate, limits.idleMs, signal);
  try {
    await connection.send(messageFrame(question));
  } catch (error) {
    connection.close();
    throw error;
  }
  return { connection, next: async () => readAnswer(await connection.receive()) };
}

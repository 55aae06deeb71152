/**
 * The hibernatable WebSockets of an Origin's object, by id. A socket's peer and note are kept in
 * its attachment, which outlives an eviction of the object.
 */
import { z } from "zod";

import { CLOSE_CODES, closeText } from "../../shared/protocol/errors.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { HalfClosedSockets } from "./budgets/half-closed-sockets.ts";
import type { HubProcess } from "./hub-process.ts";
import type { Peer, SocketId } from "./peer.ts";
import type { SocketPort } from "./ports.ts";

/** Owner of a socket. */
export interface Owner {
  readonly id: SocketId;
  readonly peer: Peer;
}

/** Serialised with each socket: at most 16 KiB. */
interface Attachment extends Owner {
  readonly note: string;
}

const attachmentSchema: z.ZodType<Attachment> = z.object({
  id: z.string(),
  peer: z.object({
    role: z.enum(["home", "watch", "admin"]),
    clusterUid: z.string(),
    keyGeneration: z.number(),
    openedMs: z.number().exactOptional(),
  }),
  note: z.string(),
});

/** `readyState` of a socket that is not closed. */
const OPEN = 1;

/** Close code that nobody reads: the other end is gone. */
const NORMAL_CLOSURE = 1000;

export class ObjectSockets implements SocketPort {
  readonly #context: DurableObjectState;
  readonly #process: HubProcess;
  readonly #giveUp: (reason: string) => void;
  readonly #sockets = new Map<SocketId, WebSocket>();
  /** Owners as the attachments have them: to read one costs as much as to decode a message. */
  readonly #owners = new WeakMap<WebSocket, Owner>();
  readonly #halfClosed = new HalfClosedSockets();
  #halfClosedTimer: ReturnType<typeof setTimeout> | null = null;

  /** @param giveUp Ends the instance: too many sockets that it has closed do not go. */
  constructor(context: DurableObjectState, process: HubProcess, giveUp: (reason: string) => void) {
    this.#context = context;
    this.#process = process;
    this.#giveUp = giveUp;
  }

  /** Accepts a new socket; answers the client's end and its owner. */
  accept(peer: Peer): { readonly client: WebSocket; readonly owner: Owner } {
    const { 0: client, 1: server } = new WebSocketPair();
    const owner: Owner = { id: crypto.randomUUID(), peer };
    this.#context.acceptWebSocket(server);
    server.serializeAttachment({ ...owner, note: "" } satisfies Attachment);
    this.#add(server, owner);
    return { client, owner };
  }

  /** Finds the sockets that outlived an eviction of the object; answers those that are open. */
  restore(): readonly Attachment[] {
    return this.#context.getWebSockets().flatMap((socket) => {
      const attachment = readAttachment(socket);
      if (attachment === null) return [];
      if (socket.readyState > OPEN) {
        this.#halfClosed.closed(attachment.id, performance.now());
        return [];
      }
      this.#add(socket, attachment);
      return [attachment];
    });
  }

  #add(socket: WebSocket, { id, peer }: Owner): void {
    this.#sockets.set(id, socket);
    this.#owners.set(socket, { id, peer });
    this.#process.sockets.add(id, peer.clusterUid);
  }

  /** `null` for a socket whose attachment this program cannot read. */
  ownerOf(socket: WebSocket): Owner | null {
    const known = this.#owners.get(socket);
    if (known !== undefined) return known;
    const owner = readAttachment(socket);
    if (owner !== null) this.#owners.set(socket, owner);
    return owner;
  }

  /** Whether a socket that was closed has sent more than can have been on its way. [LOG71] */
  isFlood(id: SocketId): boolean {
    return this.#halfClosed.isFlood(id);
  }

  /** The socket is gone. Answers its owner. */
  forget(socket: WebSocket): Owner | null {
    releaseFile(socket);
    const owner = this.ownerOf(socket);
    if (owner === null) return null;
    this.#sockets.delete(owner.id);
    this.#halfClosed.gone(owner.id);
    this.#process.sockets.delete(owner.id, Date.now());
    return owner;
  }

  /** The instance ends: the process releases all that it holds for its sockets. */
  releaseAll(): void {
    for (const id of [...this.#sockets.keys(), ...this.#halfClosed.sockets()]) {
      this.#process.sockets.delete(id, Date.now());
      this.#process.readerMemory.release(id);
    }
  }

  send(id: SocketId, bytes: Uint8Array): void {
    try {
      this.#sockets.get(id)?.send(bytes);
    } catch {
      // Closing or closed: its close event follows and drops it.
    }
  }

  /** Until the other end has gone, the socket is open for the process. */
  close(id: SocketId, reason: CloseReason, message: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    this.#sockets.delete(id);
    this.#halfClosed.closed(id, performance.now());
    const member = this.ownerOf(socket)?.peer.clusterUid;
    if (reason === "over-quota" && member !== undefined)
      this.#process.dials.wentOver(member, Date.now());
    try {
      socket.close(CLOSE_CODES[reason], closeText(message));
    } catch {
      // Closed already.
    }
    this.checkHalfClosed();
  }

  lastHeartbeatMs(id: SocketId): number | null {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return null;
    return this.#context.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
  }

  saveNote(id: SocketId, note: string): void {
    const socket = this.#sockets.get(id);
    const owner = socket === undefined ? null : this.ownerOf(socket);
    if (socket === undefined || owner === null) return;
    socket.serializeAttachment({ ...owner, note } satisfies Attachment);
  }

  /** Gives the instance up where too many sockets that it has closed do not go. [LOG48] */
  checkHalfClosed(): void {
    const now = performance.now();
    if (this.#halfClosed.isTooMuch(now)) {
      this.#giveUp(
        "sockets that were closed do not go, for their peers read nothing; the object starts anew",
      );
      return;
    }
    const afterMs = this.#halfClosed.askAfterMs(now);
    if (afterMs === null || this.#halfClosedTimer !== null) return;
    this.#halfClosedTimer = setTimeout(() => {
      this.#halfClosedTimer = null;
      this.checkHalfClosed();
    }, afterMs);
  }
}

/**
 * Of a socket whose other end went without a close frame, workerd keeps the file until the object
 * closes the socket too, or the garbage collector finds it: 30 s later on a quiet hub. [API64]
 */
function releaseFile(gone: WebSocket): void {
  try {
    gone.close(NORMAL_CLOSURE);
  } catch {
    // Closed already.
  }
}

function readAttachment(socket: WebSocket): Attachment | null {
  const attachment: unknown = socket.deserializeAttachment();
  return attachmentSchema.safeParse(attachment).data ?? null;
}

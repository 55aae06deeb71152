/**
 * What a reconnection transfers: of a reader that was away, and of a publisher for which nothing
 * has changed. Counted, not timed.
 */
import WebSocket from "ws";
import { join } from "node:path";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { HomeMessage, Message } from "../../shared/protocol/messages.ts";
import { Publisher } from "../../relay/publish/publisher.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { address, pod, put, putOf } from "../support/records.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 100_000;
/** Keys that change while the reader is away, and how often each. */
const CHANGED = 1_000;
const FLAPS = 10_000;

export async function* benchResume(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  const of = (n: number, state: string) => ({
    ...pod(`web-${n}`, address(n % 60_000), { app: `app-${n % 200}`, state }),
    node: `node-${n % 500}`,
  });
  for (let n = 0; n < ENDPOINTS; n++) rig.local.applyChange(putOf(of(n, "0")));
  const home = await rig.publish();
  const reader = new AwayReader(rig);
  await reader.visit();
  const settled = async (): Promise<void> => {
    while (home.publisher.status().pending > 0 || home.publisher.status().phase !== "reconciled")
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 400));
  };

  for (let round = 1; round <= 5; round++)
    for (let n = 0; n < CHANGED; n++) {
      home.publisher.onSource([putOf(of(n * 7, `round-${round}`))]);
      if (n % 100 === 0) await settled();
    }
  await settled();
  const net = encodePayload(
    Array.from({ length: CHANGED }, (_, n) => put(of(n * 7, "round-5"))),
  ).length;
  yield figure(
    `resume after ${5 * CHANGED} changes of ${CHANGED} keys, against the net change`,
    (await reader.visit()) / net,
    "x",
    1.2,
  );

  for (let n = 0; n < FLAPS; n++) {
    home.publisher.onSource([putOf(of(3, `flap-${n}`))]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await settled();
  yield figure(`resume after a key has changed ${FLAPS} times`, await reader.visit(), "B", 300);

  home.publisher.onSource([putOf(of(5, "one"))]);
  yield figure("one changed pod on the wire, per reader", await reader.stay(), "B", 200);
  home.stop();

  const { bytes, rounds } = await reconnectPublisher(rig);
  yield figure(`reconnect of an unchanged publisher with ${ENDPOINTS} keys`, bytes, "B", 16 * 1024);
  yield figure("reconnect of an unchanged publisher: round trips", rounds, "", 1);
  await rig.stop();
}

/** A view on disk whose relay comes and goes. */
class AwayReader {
  readonly #rig: BenchRig;
  readonly #view: RemoteView;

  constructor(rig: BenchRig) {
    this.#rig = rig;
    const header = { rcc: "o", meshId: "m", originUid: "o", originName: "o" };
    this.#view = new RemoteView(new ViewFile(join(rig.root, "away")), header);
  }

  /** Connects, until it is in sync; answers the bytes of records that came. */
  visit(): Promise<number> {
    return this.#until((watcher) => this.#view.isInSync && watcher.isOpen);
  }

  /** Connects, and until a change has come over the open connection. */
  stay(): Promise<number> {
    return this.#until(({ transferred }) => transferred.changes > 0);
  }

  #until(isDone: (watcher: Watcher) => boolean): Promise<number> {
    return new Promise((resolve) => {
      let hasWelcome = false;
      const watcher = new Watcher(this.#view, this.#rig.watchUrl, () => this.#rig.readerHeaders(), {
        onChanges: () => undefined,
        onState: () => {
          // The first state is that of the hello: what was known before.
          if (!hasWelcome) hasWelcome = watcher.isOpen;
          else if (isDone(watcher)) setTimeout(finish, 300);
        },
        onDown: () => undefined,
      });
      const finish = (): void => {
        watcher.stop();
        resolve(watcher.transferred.bytes);
      };
      watcher.start();
    });
  }
}

/** A publisher that starts again with the same state, by hand, to see each message. */
async function reconnectPublisher(rig: BenchRig): Promise<{ bytes: number; rounds: number }> {
  const socket = new WebSocket(rig.homeUrl, {
    headers: await rig.originHeaders(),
    perMessageDeflate: false,
  });
  let bytes = 0;
  let asked = 0;
  const send = (message: Message): void => {
    const encoded = encodeMessage(message);
    bytes += encoded.length;
    if (message.type !== "reconciled") asked++;
    socket.send(encoded);
  };
  const publisher = new Publisher(rig.local, {
    send,
    now: () => performance.now(),
    setTimer: () => undefined,
  });
  publisher.onListed();
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () =>
      send({
        type: "home-hello",
        versions: PROTOCOL_VERSIONS,
        software: "bench",
        accessVersion: 0,
        leaseUid: "",
        term: 0,
        candidate: null,
      }),
    );
    socket.on("message", (data: Buffer) => {
      bytes += data.length;
      const decoded = decodeMessage(data);
      if (decoded.ok) publisher.onMessage(decoded.message as HomeMessage);
      if (publisher.status().phase === "reconciled") setTimeout(resolve, 300);
    });
  });
  socket.terminate();
  return { bytes, rounds: asked };
}

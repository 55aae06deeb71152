/**
 * What relays rely on of `Link`, as tests that run on the real one over a WebSocket and on the one
 * of the simulation over virtual time (`link.test.ts`).
 */
import { expect, test } from "vitest";

import type { DownReason, LinkHandlers } from "../../relay/hub/link.ts";
import type { Link } from "../../relay/hub/relay-ports.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";

/** A hub that takes every connection, in the hands of a test. Connections are numbered from 0. */
export interface LinkLab {
  readonly link: Link;
  /** How many connections there have been. */
  readonly connections: () => number;
  readonly heard: () => readonly Message[];
  readonly send: (connection: number, message: Message) => void;
  readonly close: (connection: number, reason: CloseReason) => void;
  readonly cut: (connection: number) => void;
  /** Connections whose end the hub has seen. */
  readonly ended: () => number;
  /** Lets things happen until the condition holds, and fails when it never does. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Lets happen whatever is on its way. */
  readonly settle: () => Promise<void>;
  readonly end: () => Promise<void>;
}

type Told =
  | readonly ["open"]
  | readonly ["message", Message]
  | readonly ["down", DownReason | null];

export function linkContract(
  name: string,
  open: (handlers: LinkHandlers) => Promise<LinkLab>,
): void {
  const check = (title: string, work: (lab: LinkLab, told: Told[]) => Promise<void>): void =>
    test(`[FLT6] ${name}: ${title}`, async () => {
      const told: Told[] = [];
      const lab = await open({
        onOpen: () => told.push(["open"]),
        onMessage: (message, bytes) => {
          expect(bytes).toBeGreaterThan(0);
          told.push(["message", message]);
        },
        onDown: (reason) => told.push(["down", reason]),
      });
      try {
        await work(lab, told);
      } finally {
        lab.link.stop();
        await lab.end();
      }
    });

  check(
    "it dials when it is started, and carries messages both ways, in order",
    async (lab, told) => {
      await lab.settle();
      expect([lab.connections(), lab.link.isOpen, told]).toEqual([0, false, []]);
      lab.link.start();
      await lab.until(() => lab.link.isOpen);
      for (const sequence of [1, 2, 3]) lab.link.send(publish(sequence));
      for (const n of [1, 2, 3]) lab.send(0, access(n));
      await lab.until(() => told.length === 4 && lab.heard().length === 3);
      expect(lab.heard()).toEqual([1, 2, 3].map(publish));
      expect(told).toEqual([["open"], ...[1, 2, 3].map((n) => ["message", access(n)])]);
    },
  );

  check("what is sent while it is closed is not sent later", async (lab) => {
    lab.link.send(publish(1));
    lab.link.start();
    await lab.until(() => lab.link.isOpen);
    lab.link.send(publish(2));
    await lab.until(() => lab.heard().length > 0);
    expect(lab.heard()).toEqual([publish(2)]);
  });

  check(
    "a hub that closes is heard once, with its reason, and dialled again",
    async (lab, told) => {
      lab.link.start();
      await lab.until(() => lab.connections() === 1 && lab.link.isOpen);
      lab.close(0, "access-denied");
      await lab.until(() => told.length === 3);
      expect(told).toEqual([["open"], ["down", "access-denied"], ["open"]]);
      expect([lab.connections(), lab.link.isOpen]).toEqual([2, true]);
    },
  );

  check(
    "a connection that is cut is a loss without a reason, and dialled again",
    async (lab, told) => {
      lab.link.start();
      await lab.until(() => lab.connections() === 1 && lab.link.isOpen);
      lab.cut(0);
      await lab.until(() => told.length === 3);
      expect(told).toEqual([["open"], ["down", null], ["open"]]);
    },
  );

  check(
    "a restart ends the connection and dials again; nothing of the old one comes",
    async (lab, told) => {
      lab.link.start();
      await lab.until(() => lab.connections() === 1 && lab.link.isOpen);
      lab.link.restart("the hub broke the protocol");
      expect([lab.link.isOpen, told]).toEqual([false, [["open"], ["down", null]]]);
      lab.send(0, access(1));
      await lab.until(() => told.length === 3);
      lab.send(1, access(2));
      await lab.until(() => told.length === 4);
      expect(told.slice(2)).toEqual([["open"], ["message", access(2)]]);
    },
  );

  check("once it is stopped nothing is told, and the hub sees its end", async (lab, told) => {
    lab.link.start();
    await lab.until(() => lab.connections() === 1 && lab.link.isOpen);
    lab.link.stop();
    lab.send(0, access(1));
    await lab.until(() => lab.ended() === 1);
    await lab.settle();
    expect([lab.link.isOpen, lab.connections(), told]).toEqual([false, 1, [["open"]]]);
  });
}

function publish(sequence: number): Message {
  return { type: "publish", channel: "identity", sequence, payload: new Uint8Array([7]) };
}

function access(n: number): Message {
  return { type: "access", facts: `{"n":${n}}` };
}

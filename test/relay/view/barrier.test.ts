import { expect, test } from "vitest";

import type { HeadQuestion } from "../../../relay/hub/head-questions.ts";
import { Barrier, hasReached } from "../../../relay/view/barrier.ts";
import type { Remotes } from "../../../relay/view/remotes.ts";
import { NO_CHAIN } from "../../../shared/log/cursor.ts";
import type { Head } from "../../../shared/protocol/head-messages.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";

interface Question {
  answer: readonly Head[] | null;
  isLost: boolean;
}

/** Whoever can be asked: what it was asked, in order. */
class Side {
  readonly asked: Question[] = [];
  canBeAsked = true;

  ask(): HeadQuestion | null {
    if (!this.canBeAsked) return null;
    const question = { answer: null, isLost: false };
    this.asked.push(question);
    return question;
  }

  answer(heads: readonly Head[] = []): void {
    const last = this.asked.at(-1);
    if (last !== undefined) last.answer = heads;
  }
}

class Remote extends Side {
  epoch = "e";
  revision = 0;
  readonly feed = { askHeads: () => this.ask() };
  readonly view = {
    cursors: () =>
      FELIX_CHANNELS.map((channel) => {
        const { epoch, revision } = this;
        return { channel, epoch, revision, chain: NO_CHAIN };
      }),
  };
}

function rig(...remotes: Remote[]) {
  const routes = { isResting: false };
  const all = { granted: () => remotes.values(), routes } as unknown as Remotes;
  const home = new Side();
  return { home, routes, remotes, barrier: () => new Barrier(all, () => home.ask()) };
}

function at(revision: number, epoch = "e"): Head[] {
  return FELIX_CHANNELS.map((channel) => ({ channel, epoch, revision }));
}

test("[TYP25] a barrier is passed when facts and all logs have said how far they are, and the views are there", () => {
  const [db, web] = [new Remote(), new Remote()];
  const { home, barrier } = rig(db, web);
  const one = barrier();
  expect(one.look()).toBe(false);
  db.answer(at(5));
  web.answer(at(0));
  expect(one.look()).toBe(false);
  db.revision = 4;
  home.answer();
  expect(one.look()).toBe(false);
  db.revision = 5;
  expect(one.look()).toBe(true);
  // Each was asked once, and what comes later is no matter.
  expect([home, db, web].map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
  db.epoch = "other";
  expect(one.look()).toBe(true);
});

test("[TYP25] what was answered before a Felix came does not count for it", () => {
  const db = new Remote();
  const { home, barrier } = rig(db);
  barrier();
  home.answer();
  db.answer(at(0));
  const later = barrier();
  expect(later.look()).toBe(false);
  expect(db.asked).toHaveLength(2);
});

test("[TYP25] a remote that facts name meanwhile counts, one that cannot be asked is waited for", () => {
  const [db, web] = [new Remote(), new Remote()];
  const { home, barrier, remotes } = rig(db);
  const one = barrier();
  db.answer(at(0));
  web.canBeAsked = false;
  remotes.push(web);
  home.answer();
  expect(one.look()).toBe(false);
  web.canBeAsked = true;
  expect(one.look()).toBe(false);
  web.answer(at(0));
  expect(one.look()).toBe(true);
});

test("[TYP25] a question that is lost with its connection is asked again", () => {
  const db = new Remote();
  const { home, barrier } = rig(db);
  const one = barrier();
  home.answer();
  for (const question of db.asked) question.isLost = true;
  expect(one.look()).toBe(false);
  expect(db.asked).toHaveLength(2);
  db.answer(at(0));
  expect(one.look()).toBe(true);
});

test("[TYP25] [TYP44] a node that rests may be one that another relay has told again: it is waited for", () => {
  const { home, routes, barrier } = rig();
  const one = barrier();
  home.answer();
  routes.isResting = true;
  expect(one.look()).toBe(false);
  routes.isResting = false;
  expect(one.look()).toBe(true);
});

test.each([
  ["at the head", "e", 5, at(5), true],
  ["past it", "e", 6, at(5), true],
  ["behind it", "e", 4, at(5), false],
  ["in another epoch", "f", 9, at(5), false],
  ["nothing may be said", "e", 9, [], false],
  ["a channel is missing", "e", 9, at(5).slice(1), false],
])("[TYP25] a view that is %s", (_, epoch, revision, heads, isReached) => {
  const remote = new Remote();
  remote.epoch = epoch;
  remote.revision = revision;
  expect(hasReached(remote.view, heads)).toBe(isReached);
});

test("[TYP25] a view that is repaired has reached nothing", () => {
  expect(hasReached({ cursors: () => [] }, at(0))).toBe(false);
});

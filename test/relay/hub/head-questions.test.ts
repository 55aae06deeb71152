import { expect, test } from "vitest";

import { HeadQuestions } from "../../../relay/hub/head-questions.ts";
import type { Head } from "../../../shared/protocol/head-messages.ts";
import { HEADS_VERSION } from "../../../shared/protocol/version.ts";

const HEADS: readonly Head[] = [{ channel: "identity", epoch: "e", revision: 7 }];

function asker(version = HEADS_VERSION): { questions: HeadQuestions; sent: number[] } {
  const sent: number[] = [];
  const questions = new HeadQuestions(({ token }) => sent.push(token));
  questions.onWelcome(version);
  return { questions, sent };
}

test("[PRO11] a question is answered by the message that names it, and by no other", () => {
  const { questions, sent } = asker();
  const question = questions.ask();
  expect(sent).toEqual([1]);
  expect(question).toEqual({ answer: null, isLost: false });
  questions.onHeads({ type: "heads", token: 2, heads: [] });
  expect(question?.answer).toBe(null);
  questions.onHeads({ type: "heads", token: 1, heads: HEADS });
  expect(question?.answer).toEqual(HEADS);
});

test("[PRO11] who asks while a question is under way shares the next one: its answer may be too old", () => {
  const { questions, sent } = asker();
  const first = questions.ask();
  const later = Array.from({ length: 50 }, () => questions.ask());
  expect(sent).toEqual([1]);
  questions.onHeads({ type: "heads", token: 1, heads: [] });
  expect(first?.answer).toEqual([]);
  expect(later.map((one) => one?.answer)).toEqual(later.map(() => null));
  expect(sent).toEqual([1, 2]);
  questions.onHeads({ type: "heads", token: 2, heads: HEADS });
  expect(later.every((one) => one?.answer === HEADS)).toBe(true);
  expect(sent).toEqual([1, 2]);
});

test("[PRO11] an older hub is not asked; with the connection a question is lost", () => {
  expect(asker(HEADS_VERSION - 1).questions.ask()).toBe(null);
  const { questions, sent } = asker();
  const [first, second] = [questions.ask(), questions.ask()];
  questions.onDown();
  expect([first?.isLost, second?.isLost]).toEqual([true, true]);
  expect(questions.ask()).toBe(null);
  questions.onWelcome(HEADS_VERSION);
  const third = questions.ask();
  // An answer of the connection before, were there one, names another.
  questions.onHeads({ type: "heads", token: 1, heads: HEADS });
  expect(third?.answer).toBe(null);
  expect(sent).toEqual([1, 2]);
});

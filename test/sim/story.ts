/**
 * A failure as its reader wants it: what is broken, by which actions, and what happened around it.
 */
import type { Action } from "./actions.ts";
import type { Happening, Moment } from "./history.ts";
import type { Failure } from "./run.ts";

const LAST_MOMENTS = 40;

export function storyOf(
  seed: number,
  failure: Failure,
  actions: readonly Action[],
  history: readonly Moment[],
): string {
  const until = history.filter(({ atMs }) => atMs <= failure.atMs);
  return [
    `seed ${seed}: ${failure.validator}`,
    `  ${failure.message}`,
    `  at ${failure.atMs} ms; ${actions.length} actions are enough:`,
    ...actions.map(({ name, seed: own, thenMs }) => `    ${name} (${own}), then ${thenMs} ms`),
    `  the last moments before it:`,
    ...until.slice(-LAST_MOMENTS).map(({ atMs, it }) => `    ${atMs} ${lineOf(it)}`),
  ].join("\n");
}

function lineOf(it: Happening): string {
  return JSON.stringify(it, (_, value: unknown) => {
    if (value instanceof Map) return Object.fromEntries(value);
    if (value instanceof Set) return [...value];
    if (value instanceof Uint8Array) return Buffer.from(value).toString("hex").slice(0, 16);
    return value;
  }).slice(0, 240);
}

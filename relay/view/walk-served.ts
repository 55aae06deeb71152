/** What is served of all remotes, one after the other, for who takes it over some time. */
import type { HeldRecord } from "./held-records.ts";
import type { ServedRemote } from "./served-remote.ts";

/** By RCC; what goes meanwhile goes from it. */
type Walked = ReadonlyMap<string, Pick<ServedRemote, "view" | "serving">>;

/**
 * All served records, in parts of a few hundred: each is read from disk when it is called, and is
 * what is served then. Who takes them over some time listens to changes meanwhile, and so has it
 * all in the end.
 */
export function* servedParts(
  remotes: Walked,
): Generator<() => { readonly rcc: string; readonly held: HeldRecord }[]> {
  for (const [rcc, { view, serving }] of remotes)
    for (const part of view.parts())
      yield () =>
        remotes.get(rcc)?.view === view
          ? [...view.recordsOf(part)].flatMap((whole) => {
              const held = serving.shown(whole);
              return held === null ? [] : [{ rcc, held }];
            })
          : [];
}

/**
 * What is served, one by one, each read when it is called; `null`: it is served no more. For who
 * gives others a turn in between: parts take too long for that. As with parts, what comes meanwhile
 * is told as a change only.
 */
export function* servedRecords(
  remotes: Walked,
): Generator<{ readonly rcc: string; readonly read: () => HeldRecord | null }> {
  for (const [rcc, { view, serving }] of remotes)
    for (const part of view.parts())
      for (const keyHash of view.keysOf(part))
        yield {
          rcc,
          read: () => {
            const whole = remotes.get(rcc)?.view === view ? view.heldAt(part[0], keyHash) : null;
            return whole && serving.shown(whole);
          },
        };
}

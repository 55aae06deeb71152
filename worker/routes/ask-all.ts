/**
 * Asks many objects with at most 16 questions open, so that a large mesh neither queues up in one
 * place nor waits in line.
 */
import { errorText } from "../../shared/lib/error-text.ts";
const IN_FLIGHT = 16;

export type Answer<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: string };

/** One answer per subject, in their order. A question that fails gives its error in its place. */
export async function askAll<S, T>(
  subjects: readonly S[],
  ask: (subject: S) => Promise<T>,
): Promise<readonly Answer<T>[]> {
  const answers: Answer<T>[] = [];
  const waiting = subjects.entries();
  const work = async (): Promise<void> => {
    for (const [index, subject] of waiting)
      answers[index] = await ask(subject).then(
        (value) => ({ kind: "value", value }),
        (error: unknown) => ({
          kind: "error",
          error: errorText(error),
        }),
      );
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, subjects.length) }, work));
  return answers;
}

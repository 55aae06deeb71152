/** Asks many objects with at most 16 questions open, so that a large mesh neither queues up in one place nor waits in line. */
const IN_FLIGHT = 16;

/** One answer per subject, in their order. A question that fails gives its error in its place. */
export async function askAll<S, T>(
  subjects: readonly S[],
  ask: (subject: S) => Promise<T>,
): Promise<readonly ({ readonly value: T } | { readonly error: string })[]> {
  const answers: ({ readonly value: T } | { readonly error: string })[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < subjects.length) {
      const index = next++;
      try {
        answers[index] = { value: await ask(subjects[index] as S) };
      } catch (error) {
        answers[index] = { error: error instanceof Error ? error.message : String(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, subjects.length) }, work));
  return answers;
}

/**
 * Ends connections one a second, as Typha does when it stops: each Felix then asks another relay
 * for everything, and a relay that got all of them in one moment would serve them late. Bounded,
 * because who stops us kills us after a while: then the rest in one moment. [TYP18]
 */
const EACH_MS = 1_000;

export async function drain<T>(
  next: () => T | null,
  end: (connection: T) => void,
  withinMs: number,
  isHurried: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (let one = next(); one !== null; one = next()) {
    end(one);
    if (next() === null || isHurried.aborted || performance.now() + EACH_MS > deadline) break;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, EACH_MS);
      function done(): void {
        clearTimeout(timer);
        isHurried.removeEventListener("abort", done);
        resolve();
      }
      isHurried.addEventListener("abort", done);
    });
  }
}

/**
 * A whole interface behind one method of a Durable Object: the object's side calls by name, the
 * caller's side has the interface again. Each call is one RPC.
 */

/** Every method of an interface; the compiler asks for one that is missing. */
export type CallNames<T> = Readonly<Record<keyof T & string, true>>;

/** @throws Error for a name that is not in `names`: nothing else of the target can be reached. */
export function callByName<T extends object>(
  target: T,
  names: CallNames<T>,
  name: string,
  args: readonly unknown[],
): unknown {
  const method: unknown = Object.hasOwn(names, name) ? Reflect.get(target, name) : undefined;
  if (typeof method !== "function") throw new Error(`there is no call named ${name}`);
  return Reflect.apply(method, target, args);
}

/** @param send Carries one call to the object, and its answer back. */
export function callerOf<T>(
  names: CallNames<T>,
  send: (name: string, args: readonly unknown[]) => unknown,
): T {
  const calls = Object.keys(names).map((name) => [
    name,
    (...args: readonly unknown[]) => send(name, args),
  ]);
  return Object.fromEntries(calls) as T;
}

/**
 * A direct remote's source whose Services are followed too, as its other collections: all is listed
 * when they are. An etcd has none. [DIR18]
 */
import type { Source } from "../source/source.ts";

export function withServices(source: Source): Source {
  if (!("followServices" in source)) return source;
  return {
    start: (sink) => {
      let [isListed, areServicesListed] = [false, false];
      const tell = (): void => {
        if (isListed && areServicesListed) sink.listed();
      };
      source.start({
        apply: (changes) => sink.apply(changes),
        problem: (problem) => sink.problem(problem),
        solved: (object) => sink.solved(object),
        listed: () => {
          isListed = true;
          tell();
        },
        servicesListed: () => {
          areServicesListed = true;
          sink.servicesListed?.();
          tell();
        },
      });
      source.followServices?.();
    },
    stop: () => source.stop(),
    health: () => {
      const services = source.servicesHealth?.().collections ?? [];
      return { collections: [...source.health().collections, ...services] };
    },
    policies: () => source.policies(),
  };
}

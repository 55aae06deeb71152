export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `null`: measured without a target. */
  readonly target: number | null;
  readonly met: boolean | null;
  /** Whether a smaller value is better. */
  readonly isMost: boolean;
}

/** @param isLess Whether a smaller value is better (default). */
export function figure(
  name: string,
  value: number,
  unit: string,
  target: number | null,
  isLess = true,
): Figure {
  const rounded = Math.round(value * 100) / 100;
  return {
    name,
    value: rounded,
    unit,
    target,
    met: target === null ? null : isLess ? value <= target : value >= target,
    isMost: isLess,
  };
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function progress(text: string): void {
  process.stderr.write(`   ${text}\n`);
}

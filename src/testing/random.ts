/** Repeatable draws, so that a test that draws its cases fails every time or never. */
export interface Random {
  /** Returns a whole number from 0 to below the bound. */
  below: (bound: number) => number;
  oneOf: <T>(values: readonly T[]) => T;
  listOf: <T>(max: number, draw: () => T) => T[];
}

export function random(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    oneOf: (values) => values[below(values.length)],
    listOf: (max, draw) => Array.from({ length: below(max + 1) }, draw),
  };
}

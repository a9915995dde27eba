/**
 * Leaves out the conditions `field:$name` of variables at All. It does so only where the query is a conjunction, its parts
 * joined by AND, and the rest is not all negations: there the query means the same without the condition. Anything else is
 * returned as it is. `isAll` reports whether a segment is nothing but a variable at All.
 */
export function withoutAll(segments: string[], isAll: (segment: string) => boolean): string[] {
  const parts = conjunction(segments);
  const kept = parts?.filter(([field, colon, value, ...more]) => !(isWord(field) && colon === ':' && value && isAll(value) && more.length === 0));
  if (!parts || !kept || kept.length === parts.length || (kept.length > 0 && kept.every(isNegation))) {
    return segments;
  }
  return kept.flatMap((part, index) => (index > 0 ? [' ', 'AND', ' ', ...part] : part));
}

/** Returns the parts between top-level ANDs, or nothing where the query is not a plain conjunction. */
export function conjunction(segments: string[]): string[][] | undefined {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const segment of segments) {
    depth += OPENING.includes(segment) ? 1 : CLOSING.includes(segment) ? -1 : 0;
    if (depth === 0 && AND.includes(segment)) {
      parts.push([]);
    } else {
      parts.at(-1)?.push(segment);
    }
  }
  const trimmed = parts.map(trim);
  return depth === 0 && trimmed.every(isSingle) ? trimmed : undefined;
}

const OPENING = ['(', '[', '{'];
const CLOSING = [')', ']', '}'];
const AND = ['AND', '&&'];
const NEGATIONS = ['NOT', '-', '!'];

/** Drops the blanks around a part. */
export function trim(part: string[]): string[] {
  const isBlank = (segment: string) => segment.trim() === '';
  const start = part.findIndex((segment) => !isBlank(segment));
  const end = part.findLastIndex((segment) => !isBlank(segment));
  return start < 0 ? [] : part.slice(start, end + 1);
}

/** Reports whether a part is one condition, perhaps negated: words next to each other have an operator that nobody wrote. */
function isSingle(part: string[]): boolean {
  let depth = 0;
  const condition = isNegation(part) ? trim(part.slice(1)) : part;
  const joined = condition.some((segment) => {
    depth += OPENING.includes(segment) ? 1 : CLOSING.includes(segment) ? -1 : 0;
    return depth === 0 && (segment.trim() === '' || segment === '||');
  });
  return condition.length > 0 && !joined;
}

/** Reports whether a part begins with a negation. */
export function isNegation([first]: string[]): boolean {
  return NEGATIONS.includes(first);
}

function isWord(segment: string | undefined): boolean {
  return segment !== undefined && /^\w+$/.test(segment);
}

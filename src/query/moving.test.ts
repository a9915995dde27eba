import { type Random, random } from '../testing/random';
import type { AuditLogQuery, Filters } from '../types';
import { moveToFilters } from './derived';

// What a condition means is checked on every event of a small world, in which description is either "x" or "y".
const WORLD = { category: ['policy', 'user'], outcome: ['success', 'failure'], flagged: ['true', 'false'], description: ['x', 'y'] } as const;
type Field = keyof typeof WORLD;
type WorldEvent = Record<Field, string>;

const EVENTS = Object.entries(WORLD).reduce<WorldEvent[]>(
  (events, [field, values]) => events.flatMap((event) => values.map((value) => ({ ...event, [field]: value }))),
  [{} as WorldEvent]
);

interface Condition {
  field: Field;
  values: string[];
  negated: boolean;
}

const textOf = ({ field, values, negated }: Condition) =>
  `${negated ? 'NOT ' : ''}${field}:${values.length === 1 ? values[0] : `(${values.join(' OR ')})`}`;

const holds = ({ field, values, negated }: Condition, event: WorldEvent) => values.includes(event[field]) !== negated;

function drawCondition({ oneOf, below }: Random): Condition {
  const field = oneOf(Object.keys(WORLD) as Field[]);
  const values = below(3) > 0 ? [oneOf(WORLD[field])] : [...WORLD[field]];
  return { field, values, negated: below(3) === 0 };
}

function drawFilters({ below, oneOf }: Random): Filters {
  return {
    ...(below(2) && { category: [oneOf(WORLD.category)] }),
    ...(below(2) && { outcome: [...WORLD.outcome] }),
    ...(below(2) && { flagged: below(2) === 1 }),
  };
}

/** Reports whether an event has a value of every filter, or of any. */
function matches(filters: Filters = {}, event: WorldEvent, how: 'every' | 'some'): boolean {
  return Object.entries(filters)[how](([field, value]) => [value].flat().map(String).includes(event[field as Field]));
}

/** Reads what moveToFilters may leave behind: conditions as this test writes them. */
function conditionsIn(text = ''): Condition[] {
  return text === '' ? [] : text.split(' AND ').map((part) => {
    const [, not, field, values] = /^(NOT )?(\w+):\(?(.*?)\)?$/.exec(part) ?? [];
    return { field: field as Field, values: values.split(' OR '), negated: not !== undefined };
  });
}

function selects({ query, criteria, exclusions }: AuditLogQuery, event: WorldEvent): boolean {
  return conditionsIn(query).every((condition) => holds(condition, event)) && matches(criteria, event, 'every') && !matches(exclusions, event, 'some');
}

test('whatever is moved, the query selects the same events', () => {
  let moved = 0;
  const wrong: unknown[] = [];
  for (let seed = 0; seed < 1000; seed++) {
    const draw = random(seed);
    const conditions = draw.listOf(4, () => drawCondition(draw));
    const query = { refId: 'A', query: conditions.map(textOf).join(' AND '), criteria: drawFilters(draw), exclusions: drawFilters(draw) };
    const after = moveToFilters(query);
    if (after) {
      moved++;
      EVENTS.filter((event) => selects(query, event) !== selects(after, event)).forEach((event) => wrong.push({ query, after, event }));
    }
  }
  expect(wrong).toEqual([]);
  expect(moved).toBeGreaterThan(250);
});

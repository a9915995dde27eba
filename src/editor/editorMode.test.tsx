import { act, render, renderHook, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { AuditLogDataSource } from '../datasource';
import { withDefaults } from '../query/defaults';
import { queryStrings as texts } from '../strings/query';
import { type Random, random } from '../testing/random';
import type { AuditLogQuery, Filters } from '../types';
import { useEditorMode, type EditorMode } from './editorMode';
import { QueryEditor } from './QueryEditor';

beforeEach(() => window.localStorage.clear());

const datasource = {
  uid: 'u',
  maxEvents: 1000,
  requestsPerFiveMinutes: 600,
  queueEnabled: false,
  suggestValues: async () => ({ values: [], complete: true }),
  estimate: async () => ({ calls: 1, plan: 'One request.' }),
} as unknown as AuditLogDataSource;

const FIELDS = ['account', 'address', 'category', 'code', 'actor', 'description', 'target'] as const;
const CLAUSES = ['description:login', 'category:policy', 'NOT actor:"a b"', '(x OR "y)")', 'flagged:true', '$all', 'and', '“'];

function drawFilters({ oneOf, below, listOf }: Random): Filters {
  const lists = Object.fromEntries(listOf(3, () => [oneOf(FIELDS), listOf(2, () => oneOf(['a', '', '203.0.113.0/24', '$v']))]));
  return { ...lists, ...(below(2) && { flagged: below(2) === 1 }) };
}

function drawQuery(seed: number): AuditLogQuery {
  const draw = random(seed);
  const query = draw.listOf(3, () => draw.oneOf(CLAUSES)).join(draw.oneOf([' AND ', ' OR ', ' ']));
  return { refId: 'A', query, criteria: drawFilters(draw), exclusions: drawFilters(draw) };
}

test('switching there and back changes no query and hides no clause', async () => {
  const user = userEvent.setup({ delay: null });
  for (let seed = 0; seed < 8; seed++) {
    window.localStorage.clear();
    const query = drawQuery(seed);
    const [onChange, onRunQuery] = [jest.fn(), jest.fn()];
    const { unmount } = render(<QueryEditor datasource={datasource} query={query} onChange={onChange} onRunQuery={onRunQuery} />);
    const filters = Object.keys(query.criteria ?? {}).length + Object.keys(query.exclusions ?? {}).length;
    for (const mode of ['Builder', 'Code', 'Builder', 'Code']) {
      await user.click(within(screen.getByTestId(texts.mode.testId)).getByRole('radio', { name: mode }));
      expect(screen.queryAllByTestId(texts.filters.chip)).toHaveLength(filters);
      if (mode === 'Code') {
        expect(await screen.findByRole('textbox', { name: texts.lucene.label })).toHaveValue(query.query);
      } else {
        expect(screen.queryAllByTestId(texts.lucene.chip).map(({ textContent }) => textContent)).toEqual(
          query.query ? [texts.lucene.chipText(query.query)] : []
        );
      }
    }
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
    unmount();
  }
});

test('the chip of a Lucene query opens it with the focus, and removes it', async () => {
  const user = userEvent.setup({ delay: null });
  const onChange = jest.fn();
  render(<QueryEditor datasource={datasource} query={{ refId: 'A', query: 'login' }} onChange={onChange} onRunQuery={jest.fn()} />);
  await user.click(screen.getByRole('radio', { name: 'Builder' }));
  await user.click(screen.getByRole('button', { name: texts.lucene.edit('login') }));
  expect(await screen.findByRole('textbox', { name: texts.lucene.label })).toHaveFocus();
  await user.click(screen.getByRole('radio', { name: 'Builder' }));
  await user.click(screen.getByRole('button', { name: texts.lucene.remove }));
  expect(onChange).toHaveBeenLastCalledWith({ refId: 'A', schemaVersion: 1, query: '' });
});

describe('the mode of a query', () => {
  const open = (query: Partial<AuditLogQuery>) =>
    renderHook(({ current }) => useEditorMode(withDefaults(current)), { initialProps: { current: { refId: 'A', ...query } as AuditLogQuery } });
  const modeOf = (query: Partial<AuditLogQuery>): EditorMode => {
    const { result, unmount } = open(query);
    unmount();
    return result.current[0];
  };

  it('is code where there is a Lucene query, and the builder elsewhere', () => {
    expect(modeOf({ query: 'x' })).toBe('code');
    expect(modeOf({ criteria: { actor: ['a'] } })).toBe('builder');
  });

  it('is remembered per query, also after it is edited', () => {
    const { result, rerender } = open({ query: 'x' });
    act(() => result.current[1]('builder'));
    rerender({ current: { refId: 'A', query: 'x', criteria: { actor: ['a'], category: ['b'] } } });
    expect(modeOf({ query: 'x', criteria: { category: ['b'], actor: ['a'] } })).toBe('builder');
    expect(modeOf({ query: 'y' })).toBe('code');
    act(() => result.current[1]('code'));
    expect(modeOf({ query: 'x', criteria: { actor: ['a'], category: ['b'] } })).toBe('code');
  });

  it.each(['{', '{}', '[1,["a"],["b",3]]'])('does not depend on what storage holds: %s', (stored) => {
    window.localStorage.setItem('carbonblack-auditlog-datasource.editorModes', stored);
    expect(modeOf({ query: 'x' })).toBe('code');
  });
});

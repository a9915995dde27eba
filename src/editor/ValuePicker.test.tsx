import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { FieldWords } from '../components/fieldWords';
import { queryStrings, valueStrings as texts } from '../strings/query';
import type { FilterField } from '../types';
import { type ReadValues, Suggest } from './suggest';
import { ValuePicker } from './ValuePicker';

const BOX = queryStrings.filters.values(1);

function setup(field: FilterField, read?: ReadValues, words = {}) {
  const written: string[][] = [];
  function Host() {
    const [values, setValues] = useState<string[]>([]);
    const change = (next: string[]) => {
      written.push(next);
      setValues(next);
    };
    return (
      <Suggest.Provider value={read}>
        <FieldWords.Provider value={words}>
          <ValuePicker field={field} number={1} values={values} autoFocus onChange={change} />
        </FieldWords.Provider>
      </Suggest.Provider>
    );
  }
  render(<Host />);
  return { user: userEvent.setup({ delay: null }), written, box: screen.getByRole('combobox', { name: BOX }) };
}

const reading = (...values: string[]) => jest.fn<ReturnType<ReadValues>, Parameters<ReadValues>>(async () => ({ values: values.map((value, index) => ({ value, count: 1000 - index })), complete: true }));

test("the words of a data source's own rules are offered beside the catalog's", async () => {
  const { user, box } = setup('category', undefined, { category: ['policy', 'prod_backup'] });
  await user.type(box, 'p');
  expect(await screen.findByRole('option', { name: 'prod_backup' })).toBeInTheDocument();
  expect(screen.getAllByRole('option', { name: 'policy' })).toHaveLength(1);
});

test('values of the time range are suggested with their counts, and picked', async () => {
  const read = reading('jane@example.com', '', 'jack@example.com');
  const { user, box, written } = setup('account', read);
  expect(box).toHaveFocus();
  await user.type(box, 'ja');
  await user.click(await screen.findByText('jane@example.com'));
  expect(screen.getByText(texts.events(1000, true))).toBeInTheDocument();
  expect(written).toEqual([['jane@example.com']]);
  expect(read).toHaveBeenLastCalledWith('account', 'ja', expect.any(String));
});

test('known words that did not occur come after those that did', async () => {
  const { user, box } = setup('outcome', reading('success'));
  await user.click(box);
  await screen.findByText('success');
  expect(screen.getAllByRole('option').map((option) => option.textContent)).toEqual([`success${texts.events(1000, true)}`, 'failure', 'unknown']);
});

test('without suggestions the reason is named and any value can be entered', async () => {
  const { user, box, written } = setup('actor', async () => Promise.reject(new Error('the key is not accepted')));
  await user.type(box, 'x');
  expect(await screen.findByText(texts.failed('the key is not accepted'))).toBeInTheDocument();
  await user.keyboard('{Enter}');
  expect(written).toEqual([['x']]);
});

test('a value in another case is noticed, and replaced on request', async () => {
  const { user, box, written } = setup('actor', reading('jane@example.com'));
  await user.type(box, 'Jane@example.com{Enter}');
  await user.click(await screen.findByRole('button', { name: texts.didYouMean('jane@example.com') }));
  expect(written).toEqual([['Jane@example.com'], ['jane@example.com']]);
  await waitFor(() => expect(screen.queryByText(texts.differentCase('Jane@example.com'))).not.toBeInTheDocument());
});

test('a pattern of an address becomes its network', async () => {
  const { user, box, written } = setup('address', reading());
  await user.type(box, '203.0.113.*{Enter}');
  expect(written).toEqual([['203.0.113.0/24']]);
});

test('variables are not looked up', async () => {
  const read = reading('a');
  const { user, box, written } = setup('actor', read);
  await user.type(box, '$actor{Enter}');
  expect(written).toEqual([['$actor']]);
  expect(read.mock.calls.filter(([, prefix]) => prefix.includes('$'))).toEqual([]);
});

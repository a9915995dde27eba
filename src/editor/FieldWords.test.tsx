import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { FieldWords } from '../components/fieldWords';
import { queryStrings } from '../strings/query';
import { FilterRows } from './FilterRows';

test("the words of a data source's own rules are offered beside the catalog's", async () => {
  const user = userEvent.setup({ delay: null });
  render(
    <FieldWords.Provider value={{ category: ['policy', 'prod_backup'] }}>
      <FilterRows rows={[{ side: 'criteria', field: 'category', value: [] }]} onChange={jest.fn()} />
    </FieldWords.Provider>
  );
  await user.type(screen.getByRole('combobox', { name: queryStrings.filters.values(1) }), 'p');
  expect(await screen.findByRole('option', { name: 'prod_backup' })).toBeInTheDocument();
  expect(screen.getAllByRole('option', { name: 'policy' })).toHaveLength(1);
});

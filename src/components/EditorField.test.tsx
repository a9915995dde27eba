import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { DescribedInput } from './DescribedInput';
import { EditorField } from './EditorField';
import { PickMany } from './Pickers';

const draw = (props: { hint?: string; error?: string; note?: string }) =>
  render(
    <EditorField label="Limit" htmlFor="limit" {...props}>
      <DescribedInput id="limit" />
    </EditorField>
  );

test.each([
  [{ hint: 'How many.' }, 'How many.'],
  [{ error: 'Too many.' }, 'Too many.'],
  [{ hint: 'How many.', error: 'Too many.' }, 'How many. Too many.'],
  [{ note: 'Reduced.' }, 'Reduced.'],
  [{ error: 'Too many.', note: 'Reduced.' }, 'Too many.'],
])('a control is described by %j', (props, description) => {
  draw(props);
  expect(screen.getByLabelText('Limit')).toHaveAccessibleDescription(description);
});

test('a control without hint and error has no description', () => {
  draw({});
  expect(screen.getByLabelText('Limit')).not.toHaveAttribute('aria-describedby');
});

test('a hint is no tab stop', async () => {
  draw({ hint: 'How many.' });
  await userEvent.tab();
  expect(screen.getByLabelText('Limit')).toHaveFocus();
});

test('a picker is described by the group around it', () => {
  render(
    <EditorField label="Fields" labelId="fields" error="Unknown field.">
      <PickMany label="Fields" labelledBy="fields" options={[]} values={[]} onChange={jest.fn()} />
    </EditorField>
  );
  expect(screen.getByRole('group', { name: 'Fields' })).toHaveAccessibleDescription('Unknown field.');
});

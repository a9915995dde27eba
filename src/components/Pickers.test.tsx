import type { ComboboxOption } from '@grafana/ui';
import { act, fireEvent, render, screen } from '@testing-library/react';
import { PickOne } from './Pickers';

type Report = (option: ComboboxOption | undefined) => void;

let report: Report;

// What the real Combobox does to its caller depends on React's version and on timing; here the test plays its part.
jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  Combobox: ({ onChange, 'data-testid': testId }: { onChange: Report; 'data-testid'?: string }) => {
    report = onChange;
    return <input data-testid={testId} />;
  },
}));

function setup(custom: boolean) {
  const changed = jest.fn();
  const draw = (value: string) => (
    <PickOne label="Colour" testId="colour" options={[]} value={value} custom={custom} onChange={changed} />
  );
  const { rerender } = render(draw('red'));
  return { changed, redraw: (value: string) => rerender(draw(value)), input: screen.getByTestId<HTMLInputElement>('colour') };
}

const pick = (value?: string) => act(() => report(value === undefined ? undefined : { value }));

test('a pick that is reported again and again changes the value once', () => {
  const { changed, redraw } = setup(false);
  pick('blue');
  pick('blue');
  redraw('blue');
  pick('blue');
  expect(changed.mock.calls).toEqual([['blue']]);
});

test('the same value can be picked again after it was changed elsewhere', () => {
  const { changed, redraw } = setup(false);
  pick('blue');
  redraw('blue');
  redraw('red');
  pick('blue');
  expect(changed.mock.calls).toEqual([['blue'], ['blue']]);
});

test('a pick of nothing is no change', () => {
  const { changed } = setup(false);
  pick(undefined);
  expect(changed).not.toHaveBeenCalled();
});

test('Enter takes the text as typed, not an option that lags behind it', () => {
  const { changed, input } = setup(true);
  input.focus();
  fireEvent.input(input, { target: { value: 'green' } });
  fireEvent.keyDown(input, { key: 'Enter' });
  pick('gree');
  expect(changed.mock.calls).toEqual([['green']]);
});

test('an option that the arrow keys went to wins over the text', () => {
  const { changed, input } = setup(true);
  input.focus();
  fireEvent.input(input, { target: { value: 'gr' } });
  fireEvent.keyDown(input, { key: 'ArrowDown' });
  fireEvent.keyDown(input, { key: 'Enter' });
  pick('grey');
  expect(changed.mock.calls).toEqual([['grey']]);
});

test('after text was taken, an option can be clicked', () => {
  const { changed, input, redraw } = setup(true);
  input.focus();
  fireEvent.input(input, { target: { value: 'green' } });
  fireEvent.blur(input);
  redraw('green');
  fireEvent.mouseDown(input);
  pick('grey');
  expect(changed.mock.calls).toEqual([['green'], ['grey']]);
});

import { CoreApp } from '@grafana/data';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { AuditLogDataSource } from '../datasource';
import { selectors } from '../selectors';
import { QueryEditor } from './QueryEditor';
import { shapesFor } from './choices';

const texts = selectors.queryEditor;

test.each([false, true])('numbers of the plugin itself are not on offer (in an alert rule: %s)', (forAlert) => {
  const offered = shapesFor(forAlert, 'count').map(({ value }) => value);
  expect(offered).toContain('count');
  expect(offered).not.toContain('status');
  expect(offered).not.toContain('callers');
});

test.each([
  ['status', 'Plugin status'],
  ['callers', 'Who spends requests'],
] as const)('%s is shown where a stored query has it, with nothing to narrow it and nothing to complain of', async (queryType, name) => {
  const datasource = { maxEvents: 1000, queueEnabled: true } as AuditLogDataSource;
  const change = jest.fn();
  render(
    <QueryEditor app={CoreApp.PanelEditor} datasource={datasource} query={{ refId: 'A', queryType }} onChange={change} onRunQuery={jest.fn()} />
  );
  const shapes = within(screen.getByRole('radiogroup', { name: texts.shape.label }));
  expect(shapes.getByRole('radio', { name })).toBeChecked();
  expect(screen.getAllByRole('radiogroup')).toHaveLength(1);
  expect(screen.queryByRole('textbox')).not.toBeInTheDocument();
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
  expect(screen.queryByTestId(texts.problems)).not.toBeInTheDocument();
  await userEvent.click(shapes.getByRole('radio', { name: 'Count' }));
  expect(change).toHaveBeenCalledWith({ refId: 'A', schemaVersion: 1, queryType: 'count' });
});

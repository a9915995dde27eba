import { CoreApp } from '@grafana/data';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { AuditLogDataSource } from '../datasource';
import { queryStrings } from '../strings/query';
import { QueryEditor } from './QueryEditor';
import { queryTypesFor } from './choices';

const texts = queryStrings;

test.each([false, true])('queries about the plugin itself are not offered (in an alert rule: %s)', (forAlert) => {
  const offered = queryTypesFor(forAlert, 'count').map(({ value }) => value);
  expect(offered).toContain('count');
  expect(offered).not.toContain('status');
  expect(offered).not.toContain('callers');
});

test.each([
  ['status', 'Plugin status'],
  ['callers', 'Requests by caller'],
] as const)('%s is shown where a stored query has it, with nothing to narrow it and no problem', async (queryType, name) => {
  const datasource = { maxEvents: 1000, queueEnabled: true } as AuditLogDataSource;
  const change = jest.fn();
  render(
    <QueryEditor app={CoreApp.PanelEditor} datasource={datasource} query={{ refId: 'A', queryType }} onChange={change} onRunQuery={jest.fn()} />
  );
  const types = within(screen.getByRole('radiogroup', { name: texts.queryType.label }));
  expect(types.getByRole('radio', { name })).toBeChecked();
  expect(screen.getAllByRole('radiogroup')).toHaveLength(1);
  expect(screen.queryByRole('textbox')).not.toBeInTheDocument();
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
  expect(screen.queryByTestId(texts.problems)).not.toBeInTheDocument();
  await userEvent.click(types.getByRole('radio', { name: 'Count' }));
  expect(change).toHaveBeenCalledWith({ refId: 'A', schemaVersion: 1, queryType: 'count' });
});

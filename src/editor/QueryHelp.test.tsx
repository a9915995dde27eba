import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { AuditLogDataSource } from '../datasource';
import { findProblems } from '../query/problems';
import { helpStrings } from '../strings/help';
import type { AuditLogQuery } from '../types';
import { PRESETS } from './presets';
import { QueryHelp } from './QueryHelp';

test.each(PRESETS)('the example "$title" is a query without problems', async ({ title, query }) => {
  const clicked = jest.fn((query: AuditLogQuery) => query);
  render(<QueryHelp datasource={{} as AuditLogDataSource} query={{ refId: 'A' }} onClickExample={clicked} />);
  await userEvent.click(screen.getByRole('button', { name: helpStrings.preset(title) }));
  const [[example]] = clicked.mock.calls;
  expect(example).toEqual({ ...query, schemaVersion: 1, refId: 'A' });
  expect(findProblems(example, { maxEvents: 500, queueEnabled: false })).toEqual([]);
});

import { Button } from '@grafana/ui';
import { queryStrings } from '../../strings/query';
import type { After } from '../../types';
import { Conditions, Fold, GroupBy, Limit, StoredAfter } from '../controls';
import { Line } from '../Line';
import type { TypeEditorProps } from '../props';

const texts = queryStrings;
const EXAMPLE_AFTER: After = { criteria: { outcome: ['failure'] }, atLeast: 5 };

/** Edits numbers of events by group: a count, a top list, or counts over time. */
export function GroupsEditor(props: TypeEditorProps) {
  const { query, editAndRun } = props;
  return (
    <>
      <Conditions {...props} />
      <Line>
        <GroupBy {...props} />
        <Limit {...props} />
        <Fold {...props} />
        {query.groupBy.length > 0 && query.after === undefined && (
          <Button size="sm" variant="secondary" fill="text" onClick={() => editAndRun({ after: EXAMPLE_AFTER })}>
            {texts.after.add}
          </Button>
        )}
      </Line>
      <StoredAfter {...props} />
    </>
  );
}

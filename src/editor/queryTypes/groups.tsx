import { Button } from '@grafana/ui';
import { queryStrings } from '../../strings/query';
import type { After } from '../../types';
import { Fold, GroupBy, Limit } from '../controls';
import type { TypeEditor, TypeEditorProps } from '../props';

const texts = queryStrings;
const EXAMPLE_AFTER: After = { criteria: { outcome: ['failure'] }, atLeast: 5 };

/** Numbers of events by group: a count, a top list, or counts over time. */
export const groupsEditor: TypeEditor = {
  Main: GroupBy,
  Options: GroupsOptions,
  summary: ({ limit, fold }) => [texts.options.limit(limit), ...(fold === true ? [texts.options.folded] : [])],
};

function GroupsOptions(props: TypeEditorProps) {
  const { query, editAndRun } = props;
  return (
    <>
      <Limit {...props} />
      <Fold {...props} />
      {query.groupBy.length > 0 && query.after === undefined && (
        <Button size="sm" variant="secondary" fill="text" onClick={() => editAndRun({ after: EXAMPLE_AFTER })}>
          {texts.after.add}
        </Button>
      )}
    </>
  );
}

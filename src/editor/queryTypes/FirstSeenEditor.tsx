import { baselineProblem } from '../../query/problems';
import { queryStrings } from '../../strings/query';
import { Conditions, Fold, GroupBy, Limit, StoredAfter } from '../controls';
import { DraftField } from '../DraftField';
import { Line } from '../Line';
import type { TypeEditorProps } from '../props';

const texts = queryStrings;

/** Edits a query for groups that did not occur before. Folding changes nothing here, so it only shows where a query has it. */
export function FirstSeenEditor(props: TypeEditorProps) {
  const { query, edit, onRunQuery } = props;
  return (
    <>
      <Conditions {...props} />
      <Line>
        <GroupBy {...props} />
        <DraftField
          texts={texts.baseline}
          hint={texts.baseline.hint}
          value={query.baseline}
          problem={baselineProblem}
          onChange={(baseline) => edit({ baseline })}
          onRunQuery={onRunQuery}
        />
        <Limit {...props} />
        {query.fold !== false && <Fold {...props} />}
      </Line>
      <StoredAfter {...props} />
    </>
  );
}

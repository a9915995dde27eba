import { baselineProblem } from '../../query/problems';
import { queryStrings } from '../../strings/query';
import { Fold, GroupBy, Limit } from '../controls';
import { DraftField } from '../DraftField';
import type { TypeEditor, TypeEditorProps } from '../props';

const texts = queryStrings;

/** Groups that did not occur before. Folding changes nothing here, so it only shows where a query has it. */
export const firstSeenEditor: TypeEditor = {
  Main: FirstSeenMain,
  Options: FirstSeenOptions,
  summary: ({ limit, fold }) => [texts.options.limit(limit), ...(fold === true ? [texts.options.folded] : [])],
};

function FirstSeenMain(props: TypeEditorProps) {
  const { query, edit, onRunQuery } = props;
  return (
    <>
      <GroupBy {...props} />
      <DraftField
        texts={texts.baseline}
        hint={texts.baseline.hint}
        value={query.baseline}
        problem={baselineProblem}
        onChange={(baseline) => edit({ baseline })}
        onRunQuery={onRunQuery}
      />
    </>
  );
}

function FirstSeenOptions(props: TypeEditorProps) {
  return (
    <>
      <Limit {...props} />
      {props.query.fold !== false && <Fold {...props} />}
    </>
  );
}

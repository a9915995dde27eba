import { queryStrings } from '../../strings/query';
import { FORMATS, ORDERS } from '../choices';
import { Choice, Conditions, Fold, Limit, StoredAfter } from '../controls';
import { Line } from '../Line';
import type { TypeEditorProps } from '../props';

const texts = queryStrings;

/** Edits a list of events. */
export function EventsEditor(props: TypeEditorProps) {
  const { query, forAlert, problemAt, editAndRun } = props;
  return (
    <>
      <Conditions {...props} />
      <Line>
        {!forAlert && (
          <Choice
            texts={texts.format}
            options={FORMATS}
            value={query.format}
            error={problemAt('format')}
            onChange={(format) => editAndRun({ format })}
          />
        )}
        <Choice texts={texts.sort} options={ORDERS} value={query.sort} error={problemAt('sort')} onChange={(sort) => editAndRun({ sort })} />
        <Limit {...props} />
        <Fold {...props} />
      </Line>
      <StoredAfter {...props} />
    </>
  );
}

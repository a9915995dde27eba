import { selectors } from '../../selectors';
import { FORMATS, ORDERS } from '../choices';
import { Choice, Conditions, Fold, Limit, StoredAfter } from '../controls';
import { Line } from '../Line';
import type { ShapeEditorProps } from '../props';

const texts = selectors.queryEditor;

/** Edits a list of events. */
export function EventsEditor(props: ShapeEditorProps) {
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

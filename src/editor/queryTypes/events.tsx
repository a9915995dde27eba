import { queryStrings } from '../../strings/query';
import { FORMATS, ORDERS } from '../choices';
import { Choice, Fold, Limit } from '../controls';
import type { TypeEditor, TypeEditorProps } from '../props';

const texts = queryStrings;

/** A list of events. */
export const eventsEditor: TypeEditor = {
  Options: EventsOptions,
  summary: ({ sort, limit, format, fold }, forAlert) => [
    texts.sort.choices[sort]?.label ?? sort,
    texts.options.limit(limit),
    ...(forAlert ? [] : [texts.format.choices[format]?.label ?? format]),
    ...(fold === true ? [texts.options.folded] : []),
  ],
};

function EventsOptions(props: TypeEditorProps) {
  const { query, forAlert, problemAt, editAndRun } = props;
  return (
    <>
      <Choice texts={texts.sort} options={ORDERS} value={query.sort} error={problemAt('sort')} onChange={(sort) => editAndRun({ sort })} />
      <Limit {...props} />
      {!forAlert && (
        <Choice
          texts={texts.format}
          options={FORMATS}
          value={query.format}
          error={problemAt('format')}
          onChange={(format) => editAndRun({ format })}
        />
      )}
      <Fold {...props} />
    </>
  );
}

import { queryStrings } from '../../strings/query';
import { FORMATS, LINES, ORDERS } from '../choices';
import { Choice, Fold, Limit } from '../controls';
import type { TypeEditor, TypeEditorProps } from '../props';

const texts = queryStrings;

/** A list of events. */
export const eventsEditor: TypeEditor = {
  Options: EventsOptions,
  summary: ({ sort, limit, format, line, fold }, forAlert) => [
    texts.sort.choices[sort]?.label ?? sort,
    texts.options.limit(limit),
    ...(forAlert ? [] : [texts.format.choices[format]?.label ?? format]),
    ...(line === 'description' && format === 'logs' && !forAlert ? [texts.line.choices.description.label] : []),
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
      {!forAlert && query.format === 'logs' && (
        <Choice
          texts={texts.line}
          options={LINES}
          value={query.line ?? 'full'}
          error={problemAt('line')}
          onChange={(line) => editAndRun({ line: line === 'description' ? line : undefined })}
        />
      )}
      <Fold {...props} />
    </>
  );
}

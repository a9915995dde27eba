import { useState } from 'react';
import { FieldWords } from '../components/fieldWords';
import { moveToFilters } from '../query/derived';
import { fromRows, toRows, type FilterRow } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import { Chip } from './Chip';
import type { EditorMode } from './editorMode';
import { FilterLine } from './FilterLine';
import { LuceneField } from './LuceneField';
import { LuceneNotes } from './LuceneNotes';
import type { TypeEditorProps } from './props';

const texts = queryStrings.lucene;

interface Props extends TypeEditorProps {
  mode: EditorMode;
  onMode: (mode: EditorMode) => void;
}

/** Which events take part: the filters, and the Lucene query, which is a field in code and a chip in the builder. */
export function Conditions({ query, datasource, problemAt, edit, editAndRun, onRunQuery, mode, onMode }: Props) {
  // The field takes the focus from the chip that opens it. The switch keeps its own.
  const [fromChip, setFromChip] = useState(false);
  if (fromChip && mode === 'builder') {
    setFromChip(false);
  }
  const rows = toRows(query);
  const hasLucene = query.query !== '';
  const isFolded = mode === 'builder' && hasLucene;
  const editRows = (changed: FilterRow[]) => {
    edit(fromRows(changed));
    if (conditionsOf(changed) !== conditionsOf(rows)) {
      onRunQuery();
    }
  };
  const move = (text: string) => {
    const moved = moveToFilters({ ...query, query: text });
    return moved && (() => editAndRun({ query: moved.query, criteria: moved.criteria, exclusions: moved.exclusions }));
  };
  return (
    <>
      <FieldWords.Provider value={datasource.fieldWords}>
        <FilterLine rows={rows} error={problemAt('filters') ?? (isFolded ? problemAt('lucene') : undefined)} onChange={editRows}>
          {isFolded && (
            <Chip
              text={texts.chipText(query.query)}
              title={query.query}
              label={texts.edit(query.query)}
              testId={texts.chip}
              onOpen={() => {
                setFromChip(true);
                onMode('code');
              }}
              removeLabel={texts.remove}
              onRemove={() => editAndRun({ query: '' })}
            />
          )}
        </FilterLine>
      </FieldWords.Provider>
      {isFolded && <LuceneNotes text={query.query} onFix={(fixed) => editAndRun({ query: fixed })} onMove={move(query.query)} />}
      {mode === 'code' && (query.source !== 'queue' || hasLucene) && (
        <LuceneField
          value={query.query}
          error={problemAt('lucene')}
          autoFocus={fromChip}
          onChange={(text) => edit({ query: text })}
          onRunQuery={onRunQuery}
          moveToFilters={move}
        />
      )}
    </>
  );
}

/** The part of the rows that takes part in a search: a row without values does not. */
function conditionsOf(rows: FilterRow[]): string {
  const taking = rows.filter(({ value }) => !Array.isArray(value) || value.length > 0);
  return JSON.stringify(taking.sort((left, right) => `${left.side}${left.field}`.localeCompare(`${right.side}${right.field}`)));
}

import { Button } from '@grafana/ui';
import { useState } from 'react';
import { FieldWords } from '../components/fieldWords';
import { moveToFilters } from '../query/derived';
import { fromRows, toRows, type FilterRow } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import { FilterLine } from './FilterLine';
import { LuceneField } from './LuceneField';
import type { TypeEditorProps } from './props';

/** Which events take part: the filters, and the Lucene query, which the queue does not know and which is folded while it is empty. */
export function Conditions({ query, datasource, problemAt, edit, editAndRun, onRunQuery }: TypeEditorProps) {
  const [isOpen, setOpen] = useState(false);
  const hasLucene = query.query !== '';
  const editRows = (rows: FilterRow[]) => {
    edit(fromRows(rows));
    if (conditionsOf(rows) !== conditionsOf(toRows(query))) {
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
        <FilterLine rows={toRows(query)} error={problemAt('filters')} onChange={editRows}>
          {!hasLucene && !isOpen && query.source !== 'queue' && (
            <Button variant="secondary" size="sm" icon="plus" onClick={() => setOpen(true)}>
              {queryStrings.lucene.open}
            </Button>
          )}
        </FilterLine>
      </FieldWords.Provider>
      {(hasLucene || (isOpen && query.source !== 'queue')) && (
        <LuceneField
          value={query.query}
          error={problemAt('lucene')}
          autoFocus={isOpen}
          onChange={(text) => {
            setOpen(true); // A field in use stays when it becomes empty.
            edit({ query: text });
          }}
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

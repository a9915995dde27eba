import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { CodeEditor, useStyles2, type Monaco, type MonacoEditor } from '@grafana/ui';
import { useContext, useEffect, useId, useRef, useState } from 'react';
import { EditorField } from '../components/EditorField';
import { useDraft } from '../components/useDraft';
import { DERIVED_FIELDS } from '../query/derived';
import { isListField } from '../query/fields';
import { prefixOf } from '../query/valueOptions';
import { queryStrings } from '../strings/query';
import { LUCENE_LANGUAGE, registerLucene, setLuceneMarkers, setValueReader } from './luceneLanguage';
import { LuceneNotes } from './LuceneNotes';
import { Suggest } from './suggest';

const LINE_HEIGHT = 32;
const MAX_HEIGHT = 240;

const texts = queryStrings.lucene;

interface Props {
  value: string;
  error?: string;
  /** The field takes the focus when it appears. */
  autoFocus?: boolean;
  onChange: (value: string) => void;
  onRunQuery: () => void;
  /** Returns what moves conditions to the filters, where that is possible. */
  moveToFilters: (text: string) => (() => void) | undefined;
}

/** One line of Lucene that grows with its text. Shift+Enter runs the query; leaving the field only keeps the text. */
export function LuceneField({ value, error, autoFocus, onChange, onRunQuery, moveToFilters }: Props) {
  const styles = useStyles2(getStyles);
  const [height, setHeight] = useState(LINE_HEIGHT);
  const { text, type } = useDraft(value, () => undefined);

  const commit = (next: string, run: boolean) => {
    if (next !== value) {
      onChange(next);
    }
    if (run) {
      onRunQuery();
    }
  };
  // The editor keeps the handlers it was mounted with, so they reach the current ones through a reference.
  const read = useContext(Suggest);
  const requestId = useId();
  const readFieldValues = async (field: string, typed: string): Promise<string[]> => {
    if (!read || !isListField(field) || DERIVED_FIELDS.includes(field)) {
      return [];
    }
    const { values } = await read(field, prefixOf(typed), requestId).catch(() => ({ values: [] }));
    return values.map(({ value }) => value).filter((value) => value !== '');
  };
  const latest = useRef({ commit, type, readFieldValues });
  useEffect(() => {
    latest.current = { commit, type, readFieldValues };
  });

  const onMount = (editor: MonacoEditor, monaco: Monaco) => {
    editor.addAction({
      id: 'run-query',
      label: texts.run,
      keybindings: [monaco.KeyMod.Shift | monaco.KeyCode.Enter, monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter],
      run: () => latest.current.commit(editor.getValue(), true),
    });
    setValueReader(editor, (field, typed) => latest.current.readFieldValues(field, typed));
    // Tab leaves the field, as everywhere else in a form, but takes a suggestion while there are any.
    editor.onKeyDown((event) => {
      const suggests = editor.getDomNode()?.querySelector('.suggest-widget.visible');
      if (event.keyCode === monaco.KeyCode.Tab && !suggests) {
        event.stopPropagation();
      }
    });
    const fit = () => setHeight(Math.min(Math.max(editor.getContentHeight(), LINE_HEIGHT), MAX_HEIGHT));
    editor.onDidContentSizeChange(fit);
    editor.onDidChangeModelContent(() => {
      setLuceneMarkers(editor, monaco);
      latest.current.type(editor.getValue());
    });
    setLuceneMarkers(editor, monaco);
    fit();
    if (autoFocus) {
      editor.focus();
    }
  };

  return (
    <EditorField label={texts.label} hint={texts.hint} error={error} grow>
      <div className={styles.wrapper} data-testid={texts.testId}>
        <CodeEditor
          value={value}
          language={LUCENE_LANGUAGE}
          width="100%"
          height={height}
          showLineNumbers={false}
          showMiniMap={false}
          monacoOptions={monacoOptions}
          onBeforeEditorMount={registerLucene}
          onEditorDidMount={onMount}
          onBlur={(left) => commit(left, false)}
        />
        {text === '' && (
          <div className={styles.placeholder} aria-hidden>
            {texts.placeholder}
          </div>
        )}
      </div>
      <LuceneNotes text={text} onFix={(fixed) => commit(fixed, true)} onMove={moveToFilters(text)} />
    </EditorField>
  );
}

const monacoOptions = {
  ariaLabel: texts.label,
  fontSize: 13,
  lineHeight: 20,
  wordWrap: 'on',
  padding: { top: 5, bottom: 5 },
  renderLineHighlight: 'none',
  scrollBeyondLastLine: false,
  overviewRulerLanes: 0,
  hideCursorInOverviewRuler: true,
  occurrencesHighlight: false,
  selectionHighlight: false,
  wordBasedSuggestions: false,
  scrollbar: { vertical: 'auto', horizontal: 'hidden', alwaysConsumeMouseWheel: false },
} as const;

const getStyles = (theme: GrafanaTheme2) => ({
  wrapper: css({
    position: 'relative',
    '&:focus-within > :first-child': { borderColor: theme.colors.primary.border },
  }),
  placeholder: css({
    position: 'absolute',
    inset: theme.spacing(0.75, 1.5),
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    pointerEvents: 'none',
    color: theme.colors.text.disabled,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    lineHeight: '20px',
  }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { CodeEditor, useStyles2, type Monaco, type MonacoEditor } from '@grafana/ui';
import { useEffect, useRef, useState } from 'react';
import { EditorField } from '../components/EditorField';
import { selectors } from '../selectors';
import { LUCENE_LANGUAGE, registerLucene } from './luceneLanguage';

const LINE_HEIGHT = 32;
const MAX_HEIGHT = 240;

interface Props {
  value: string;
  error?: string;
  onChange: (value: string) => void;
  onRunQuery: () => void;
}

/** One line of Lucene that grows with its text. Leaving it or Shift+Enter runs the query. */
export function LuceneField({ value, error, onChange, onRunQuery }: Props) {
  const styles = useStyles2(getStyles);
  const { label, placeholder, testId } = selectors.queryEditor.lucene;
  const [height, setHeight] = useState(LINE_HEIGHT);
  const [empty, setEmpty] = useState(value === '');

  const commit = (text: string, run: boolean) => {
    if (text !== value) {
      onChange(text);
    }
    if (run || text !== value) {
      onRunQuery();
    }
  };
  // The editor keeps the handlers it was mounted with, so they reach the current one through a reference.
  const latest = useRef(commit);
  useEffect(() => {
    latest.current = commit;
  });

  const onMount = (editor: MonacoEditor, monaco: Monaco) => {
    editor.addAction({
      id: 'run-query',
      label: 'Run query',
      keybindings: [monaco.KeyMod.Shift | monaco.KeyCode.Enter],
      run: () => latest.current(editor.getValue(), true),
    });
    // Tab leaves the field, as everywhere else in a form.
    editor.onKeyDown((event) => {
      if (event.keyCode === monaco.KeyCode.Tab) {
        event.stopPropagation();
      }
    });
    const fit = () => setHeight(Math.min(Math.max(editor.getContentHeight(), LINE_HEIGHT), MAX_HEIGHT));
    editor.onDidContentSizeChange(fit);
    editor.onDidChangeModelContent(() => setEmpty(editor.getValue() === ''));
    fit();
  };

  return (
    <EditorField
      label={label}
      hint="Sent to Carbon Black Cloud as it is. Empty finds every event. Shift+Enter runs it."
      error={error}
      grow
    >
      <div className={styles.wrapper} data-testid={testId}>
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
          onBlur={(text) => commit(text, false)}
        />
        {empty && (
          <div className={styles.placeholder} aria-hidden>
            {placeholder}
          </div>
        )}
      </div>
    </EditorField>
  );
}

const monacoOptions = {
  ariaLabel: selectors.queryEditor.lucene.label,
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

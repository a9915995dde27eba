import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { getBackendSrv, isFetchError } from '@grafana/runtime';
import { Alert, Button, Field, TextArea, useStyles2 } from '@grafana/ui';
import { useId, useState } from 'react';
import { lastValueFrom } from 'rxjs';
import { configProblems, configStrings } from '../strings/config';
import type { CatalogRule } from '../types';

const texts = configStrings.catalog;

/** How the catalog classifies a description. */
interface Verdict {
  description: string;
  category: string;
  action: string;
  outcome: string;
  severity: string;
  code: string;
  /** "settings" for a custom rule; empty without a match. */
  sources: string[];
}

type Result = { classes: Verdict[] } | { error: string };

const MAX_TESTED = 100;

/** Tests rules before they are saved. */
export function CatalogTest({ uid, rules }: { uid: string; rules: CatalogRule[] }) {
  const id = useId();
  const styles = useStyles2(getStyles);
  const [text, setText] = useState('');
  const [result, setResult] = useState<Result>();
  const [busy, setBusy] = useState(false);
  const descriptions = text.split(/\r?\n/).filter((line) => line.trim());
  const test = async () => {
    setBusy(true);
    setResult(await classify(uid, rules, descriptions.slice(0, MAX_TESTED)));
    setBusy(false);
  };
  return (
    <div className={styles.test}>
      <Field label={texts.test.label} htmlFor={id} description={texts.test.description}>
        <TextArea id={id} data-testid={texts.test.testId} rows={3} value={text} spellCheck={false} onChange={(event) => setText(event.currentTarget.value)} />
      </Field>
      <Button variant="secondary" disabled={descriptions.length === 0 || busy} onClick={test}>
        {texts.run}
      </Button>
      <div aria-live="polite" data-testid={texts.result}>
        {result && ('error' in result ? <Alert severity="error" title={result.error} /> : <Verdicts classes={result.classes} />)}
      </div>
    </div>
  );
}

function Verdicts({ classes }: { classes: Verdict[] }) {
  const styles = useStyles2(getStyles);
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          {texts.resultColumns.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {classes.map(({ description, category, action, outcome, severity, code, sources }, index) => (
          <tr key={index}>
            <td className={styles.text}>{description}</td>
            {[category, action, outcome, severity, code, decidedBy(sources)].map((cell, column) => (
              <td key={column}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function decidedBy(sources: string[]): string {
  if (sources.length === 0) {
    return texts.decidedBy.nothing;
  }
  return sources.includes('settings') ? texts.decidedBy.rule : texts.decidedBy.catalog;
}

async function classify(uid: string, rules: CatalogRule[], descriptions: string[]): Promise<Result> {
  const url = `/api/datasources/uid/${encodeURIComponent(uid)}/resources/catalog/test`;
  try {
    const answer = await lastValueFrom(
      getBackendSrv().fetch<{ classes: Verdict[] }>({ method: 'POST', url, data: { rules, descriptions }, showErrorAlert: false, showSuccessAlert: false })
    );
    return { classes: answer.data.classes };
  } catch (error) {
    const message = isFetchError(error) ? (error.data?.error ?? error.data?.message ?? error.statusText) : undefined;
    return { error: message || configProblems.noAnswer };
  }
}

const getStyles = (theme: GrafanaTheme2) => ({
  test: css({ marginTop: theme.spacing(2) }),
  table: css({
    marginTop: theme.spacing(1),
    width: '100%',
    '& th, & td': { padding: theme.spacing(0.5, 1), textAlign: 'left', verticalAlign: 'top', borderBottom: `1px solid ${theme.colors.border.weak}` },
  }),
  text: css({ overflowWrap: 'anywhere', minWidth: theme.spacing(20) }),
});

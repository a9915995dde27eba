import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Field, TextArea, useStyles2 } from '@grafana/ui';
import { useId, useRef, useState } from 'react';
import { configStrings } from '../strings/config';
import type { CatalogRule } from '../types';
import { CatalogTest } from './CatalogTest';
import { RuleRow } from './RuleRow';
import { useProblem } from './problems';
import { MAX_RULES, parseLines, readRules, ruleProblem, storedRules, type RuleKey } from './rules';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = configStrings.catalog;

/** Edits custom rules for descriptions, which apply before those of the catalog. */
export function CatalogSection({ settings: { options, json, setJson } }: { settings: Settings }) {
  const styles = useStyles2(getStyles);
  const [stored] = useState(() => readRules(json.catalogRules));
  // Empty rows are kept here and not saved.
  const [rules, setRules] = useState(stored.rules);
  const [focused, setFocused] = useState<number>();
  useProblem(texts.label, problemOf(storedRules(rules)));
  const addButton = useRef<HTMLButtonElement>(null);
  const change = (next: CatalogRule[]) => {
    setRules(next);
    setJson({ catalogRules: storedRules(next) });
  };
  const add = (more: CatalogRule[]) => {
    setFocused(rules.length);
    change([...rules, ...more].slice(0, MAX_RULES));
  };
  const remove = (index: number) => {
    setFocused(undefined);
    change(rules.toSpliced(index, 1));
    addButton.current?.focus();
  };
  return (
    <Section texts={texts} open={stored.rules.length > 0 || Boolean(stored.problem)}>
      <p className={styles.help}>
        A rule assigns a category, an action, an outcome and a severity to a description. Rules apply before the plugin&apos;s own
        catalog, the most specific one first. A pattern is the whole description: <code>{'{name}'}</code> matches any text,{' '}
        <code>{'{name:word}'}</code> text without spaces, <code>{'{name:email}'}</code>, <code>{'{name:id}'}</code>,{' '}
        <code>{'{name:digits}'}</code> and <code>{'{name:json}'}</code> what they name, and <code>{'{rest}'}</code> everything up to
        the end.
      </p>
      {stored.problem && <Alert severity="warning" title={stored.problem} />}
      <fieldset className={styles.rules} disabled={options.readOnly}>
        {rules.map((rule, index) => (
          <RuleRow
            key={index}
            rule={rule}
            number={index + 1}
            autoFocus={index === focused}
            onChange={(changed) => change(rules.with(index, changed))}
            onRemove={() => remove(index)}
          />
        ))}
        <div>
          <Button
            ref={addButton}
            variant="secondary"
            icon="plus"
            disabled={rules.length >= MAX_RULES}
            onClick={() => add([{ pattern: '', category: '', action: '' }])}
          >
            {texts.add}
          </Button>
        </div>
        <PasteRules onAdd={add} />
      </fieldset>
      <CatalogTest uid={options.uid} rules={storedRules(rules) ?? []} />
    </Section>
  );
}

const KEYS = Object.keys(texts.columns) as RuleKey[];

function problemOf(rules: CatalogRule[] = []): string | undefined {
  return rules.flatMap((rule) => KEYS.map((key) => ruleProblem(rule, key))).find(Boolean);
}

function PasteRules({ onAdd }: { onAdd: (rules: CatalogRule[]) => void }) {
  const id = useId();
  const [text, setText] = useState('');
  const { rules, problem } = parseLines(text);
  const add = () => {
    onAdd(rules);
    setText('');
  };
  return (
    <div>
      <Field
        label={texts.paste.label}
        htmlFor={id}
        description={texts.paste.description}
        invalid={Boolean(problem)}
        error={problem}
      >
        <TextArea id={id} data-testid={texts.paste.testId} rows={2} value={text} spellCheck={false} onChange={(event) => setText(event.currentTarget.value)} />
      </Field>
      <Button variant="secondary" size="sm" disabled={rules.length === 0} onClick={add}>
        {texts.addPasted}
      </Button>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ color: theme.colors.text.secondary, maxWidth: theme.spacing(90) }),
  rules: css({ border: 0, margin: 0, padding: 0, minWidth: 0, display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
});

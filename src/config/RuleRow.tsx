import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Field, IconButton, Input, useStyles2 } from '@grafana/ui';
import { useId } from 'react';
import { PickOne } from '../components/Pickers';
import { configStrings } from '../strings/config';
import type { CatalogRule } from '../types';
import { OUTCOME_WORDS, ruleProblem, SEVERITY_WORDS, type RuleKey } from './rules';

const texts = configStrings.catalog;

interface Props {
  rule: CatalogRule;
  number: number;
  autoFocus: boolean;
  onChange: (rule: CatalogRule) => void;
  onRemove: () => void;
}

export function RuleRow({ rule, number, autoFocus, onChange, onRemove }: Props) {
  const styles = useStyles2(getStyles);
  const set = (key: RuleKey, value: string) => onChange({ ...rule, [key]: value || undefined });
  const text = (key: RuleKey, width: number, placeholder: string) => (
    <Cell
      label={texts.columns[key]}
      width={width}
      placeholder={placeholder}
      value={rule[key] ?? ''}
      problem={ruleProblem(rule, key)}
      autoFocus={autoFocus && key === 'pattern'}
      onChange={(value) => onChange({ ...rule, [key]: value })}
    />
  );
  return (
    <div role="group" aria-label={texts.rule(number)} className={styles.rule} data-testid={texts.row}>
      {text('pattern', 60, texts.patternPlaceholder)}
      {text('category', 18, 'backup')}
      {text('action', 18, 'create')}
      <Choice label={texts.columns.outcome} words={OUTCOME_WORDS} value={rule.outcome || 'unknown'} onChange={(value) => set('outcome', value)} />
      <Choice label={texts.columns.severity} words={SEVERITY_WORDS} value={rule.severity || 'info'} onChange={(value) => set('severity', value)} />
      {text('code', 22, 'category.action')}
      <IconButton name="trash-alt" tooltip={texts.remove(number)} className={styles.remove} onClick={onRemove} />
    </div>
  );
}

interface CellProps {
  label: string;
  width: number;
  placeholder: string;
  value: string;
  problem?: string;
  autoFocus: boolean;
  onChange: (value: string) => void;
}

function Cell({ label, width, placeholder, value, problem, autoFocus, onChange }: CellProps) {
  const id = useId();
  return (
    <Field label={label} htmlFor={id} invalid={Boolean(problem)} error={problem} noMargin>
      <Input
        id={id}
        width={width}
        value={value}
        placeholder={placeholder}
        autoFocus={autoFocus}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

function Choice({ label, words, value, onChange }: { label: string; words: string[]; value: string; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <Field label={<label id={id}>{label}</label>} noMargin>
      <PickOne label={label} labelledBy={id} width={14} options={words.map((word) => ({ value: word, label: word }))} value={value} onChange={onChange} />
    </Field>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  rule: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1) }),
  remove: css({ marginTop: theme.spacing(3.5) }),
});

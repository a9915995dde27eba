import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Field, IconButton, Input, Stack, useStyles2 } from '@grafana/ui';
import { useId, useState } from 'react';
import { PickOne } from '../components/Pickers';
import { FIELD_OPTIONS } from '../query/fields';
import { configStrings } from '../strings/config';
import type { DataLinkSetting, FilterField } from '../types';
import { linkPatternProblem, linkUrlProblem, readLinks, storedLinks } from './links';
import { useProblem } from './problems';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = configStrings.dataLinks;
const MAX_LINKS = 50;

/** Edits links on the values of events. */
export function DataLinksSection({ settings: { json, setJson } }: { settings: Settings }) {
  const styles = useStyles2(getStyles);
  const [stored] = useState(() => readLinks(json.dataLinks));
  // Empty rows are kept here and not saved.
  const [links, setLinks] = useState(stored.links);
  useProblem(texts.label, links.map(problemOf).find(Boolean));
  const change = (next: DataLinkSetting[]) => {
    setLinks(next);
    setJson({ dataLinks: storedLinks(next) });
  };
  const add = (link: DataLinkSetting) => change([...links, link]);
  return (
    <Section texts={texts} open={links.length > 0 || Boolean(stored.problem)}>
      <p className={styles.help}>{texts.help}</p>
      {stored.problem && <Alert severity="warning" title={stored.problem} />}
      {links.map((link, index) => (
        <LinkRow
          key={index}
          link={link}
          number={index + 1}
          onChange={(changed) => change(links.with(index, changed))}
          onRemove={() => change(links.toSpliced(index, 1))}
        />
      ))}
      <Stack gap={1}>
        <Button variant="secondary" icon="plus" disabled={links.length >= MAX_LINKS} onClick={() => add({ field: 'account', url: '' })}>
          {texts.add}
        </Button>
        <Button
          variant="secondary"
          disabled={links.length >= MAX_LINKS}
          onClick={() => add({ field: 'account', title: texts.consoleTitle, url: '${console}' })}
        >
          {texts.addConsole}
        </Button>
      </Stack>
    </Section>
  );
}

function problemOf({ url, pattern }: DataLinkSetting): string | undefined {
  return linkUrlProblem(url ?? '') ?? linkPatternProblem(pattern);
}

interface RowProps {
  link: DataLinkSetting;
  number: number;
  onChange: (link: DataLinkSetting) => void;
  onRemove: () => void;
}

function LinkRow({ link, number, onChange, onRemove }: RowProps) {
  const styles = useStyles2(getStyles);
  const fieldId = useId();
  const text = (key: 'title' | 'pattern' | 'url', width: number, problem?: string) => (
    <Cell
      label={texts.columns[key]}
      placeholder={texts.placeholders[key]}
      width={width}
      value={link[key] ?? ''}
      problem={problem}
      onChange={(value) => onChange({ ...link, [key]: value })}
    />
  );
  return (
    <div role="group" aria-label={texts.link(number)} className={styles.row} data-testid={texts.row}>
      <Field label={<label id={fieldId}>{texts.columns.field}</label>} noMargin>
        <PickOne
          label={texts.columns.field}
          labelledBy={fieldId}
          width={18}
          options={FIELD_OPTIONS}
          value={link.field}
          onChange={(field) => onChange({ ...link, field: field as FilterField })}
        />
      </Field>
      {text('title', 16)}
      {text('pattern', 24, linkPatternProblem(link.pattern))}
      {text('url', 60, linkUrlProblem(link.url ?? ''))}
      <IconButton name="trash-alt" tooltip={texts.remove(number)} className={styles.remove} onClick={onRemove} />
    </div>
  );
}

interface CellProps {
  label: string;
  placeholder: string;
  width: number;
  value: string;
  problem?: string;
  onChange: (value: string) => void;
}

function Cell({ label, placeholder, width, value, problem, onChange }: CellProps) {
  const id = useId();
  return (
    <Field label={label} htmlFor={id} invalid={Boolean(problem)} error={problem && <span id={`${id}-error`}>{problem}</span>} noMargin>
      <Input
        id={id}
        aria-describedby={problem && `${id}-error`}
        width={width}
        value={value}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ color: theme.colors.text.secondary, maxWidth: theme.spacing(90) }),
  row: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1), marginBottom: theme.spacing(1) }),
  remove: css({ marginTop: theme.spacing(3.5) }),
});

import { css } from '@emotion/css';
import { Combobox, MultiCombobox, useStyles2, type ComboboxOption } from '@grafana/ui';
import { useId, useLayoutEffect, useRef, type FocusEvent, type KeyboardEvent, type SyntheticEvent } from 'react';
import { useDescribedBy } from './describedBy';

/**
 * Reports a value once, until the control renders with another one. On React 18 a Combobox reports one pick several times, and
 * with a synchronous store it never stops.
 */
function useOncePerValue<T>(value: T, report: (value: T) => void): (value: T) => void {
  const last = useRef(JSON.stringify(value));
  useLayoutEffect(() => {
    last.current = JSON.stringify(value);
  });
  return (next) => {
    const key = JSON.stringify(next);
    if (key !== last.current) {
      last.current = key;
      report(next);
    }
  };
}

/**
 * Handles typed text around a picker that allows custom values. The picker drops text that was typed but not picked, and its
 * list can lag behind fast typing. So the text itself counts when the field is left, and on Enter unless the arrow keys have
 * moved to an option since.
 */
function useTypedText(custom: boolean | undefined, accept: (text: string) => void) {
  const accepted = useRef(false);
  const inList = useRef(false);
  const onBlurCapture = (event: FocusEvent) => {
    const text = typedIn(event);
    if (text) {
      accepted.current = true;
      accept(text);
    }
  };
  const onInputCapture = () => {
    accepted.current = false;
    inList.current = false;
  };
  // The list is in a portal, but its events pass through here.
  const onMouseDownCapture = () => {
    accepted.current = false;
  };
  const onKeyDownCapture = (event: KeyboardEvent) => {
    if (event.key.startsWith('Arrow')) {
      accepted.current = false;
      inList.current = true;
    }
    const input = event.target;
    if (event.key === 'Enter' && !inList.current && typedIn(event) && input instanceof HTMLInputElement) {
      event.preventDefault();
      event.stopPropagation();
      // Leaving the field accepts the text and empties it.
      input.blur();
      input.focus();
    }
  };
  return {
    handlers: custom ? { onBlurCapture, onInputCapture, onMouseDownCapture, onKeyDownCapture } : {},
    /** Leaving the field also picks the highlighted option, which must not replace the typed text. */
    isAccepted: () => accepted.current,
  };
}

function typedIn({ target }: SyntheticEvent): string {
  return target instanceof HTMLInputElement ? target.value.trim() : '';
}

interface SharedProps {
  id?: string;
  /** The accessible name, visually hidden. */
  label: string;
  /** The id of an element that names the control instead. */
  labelledBy?: string;
  testId?: string;
  /** The options, or what reads those for a typed text; it must not fail. */
  options: ComboboxOption[] | ((typed: string) => Promise<ComboboxOption[]>);
  placeholder?: string;
  /** Allows values that are not options. */
  custom?: boolean;
  invalid?: boolean;
  disabled?: boolean;
}

/** Comboboxes of older Grafana versions ignore aria-label, so the name is always an element. */
function useName(label: string, labelledBy: string | undefined) {
  const id = useId();
  const styles = useStyles2(getStyles);
  return {
    nameId: labelledBy ?? id,
    name: labelledBy ? null : (
      <span id={id} className={styles.hidden}>
        {label}
      </span>
    ),
  };
}

/** A Combobox takes no description, so the hint and the error of its field belong to the group around it. */
function useDescription(nameId: string) {
  const describedBy = useDescribedBy();
  return describedBy ? { role: 'group', 'aria-labelledby': nameId, 'aria-describedby': describedBy } : {};
}

interface PickOneProps extends SharedProps {
  value?: string;
  autoFocus?: boolean;
  width?: number;
  onChange: (value: string) => void;
}

export function PickOne({ label, labelledBy, testId, custom, value, onChange, ...rest }: PickOneProps) {
  const { name, nameId } = useName(label, labelledBy);
  const change = useOncePerValue(value ?? '', onChange);
  const { handlers, isAccepted } = useTypedText(custom, change);
  // With text that matches no option, the Combobox reports a pick of nothing.
  const pick = (option: ComboboxOption | undefined) => option && !isAccepted() && change(option.value);
  return (
    <div {...handlers} {...useDescription(nameId)}>
      {name}
      <Combobox {...rest} aria-labelledby={nameId} data-testid={testId} value={value ?? null} createCustomValue={custom} onChange={pick} />
    </div>
  );
}

interface PickManyProps extends SharedProps {
  values: string[];
  autoFocus?: boolean;
  onChange: (values: string[]) => void;
}

const MIN_WIDTH = 24;
const MAX_WIDTH = 80;
// The control counts in units of 8 pixels: a character of a pill, the pill around it, and what the control keeps free beside them.
const CHARACTER = 0.9;
const PILL = 6.5;
const BESIDE = 14;

/** The control measures itself to decide how many pills it shows, so it must be wide enough for them from the start. */
function widthOf(options: ComboboxOption[]): number {
  const pills = options.reduce((width, { value, label }) => width + (label ?? value).length * CHARACTER + PILL, 0);
  return Math.min(Math.max(Math.ceil(pills + BESIDE), MIN_WIDTH), MAX_WIDTH);
}

export function PickMany({ label, labelledBy, testId, custom, values, options, autoFocus, onChange, ...rest }: PickManyProps) {
  const styles = useStyles2(getStyles);
  const container = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (autoFocus) {
      container.current?.querySelector('input')?.focus();
    }
  }, [autoFocus]);
  const known = Array.isArray(options) ? options : [];
  const selected = values.map((value) => known.find((option) => option.value === value) ?? { value, label: value });
  const { name, nameId } = useName(label, labelledBy);
  const change = useOncePerValue(values, onChange);
  const { handlers } = useTypedText(custom, (text) => !values.includes(text) && change([...values, text]));
  return (
    <div ref={container} className={styles.many} {...handlers} {...useDescription(nameId)}>
      {name}
      <MultiCombobox
        {...rest}
        options={options}
        width="auto"
        minWidth={widthOf(selected)}
        maxWidth={MAX_WIDTH}
        aria-labelledby={nameId}
        data-testid={testId}
        createCustomValue={custom}
        value={selected}
        onChange={(picked) => change(picked.map(({ value }) => value))}
      />
    </div>
  );
}

const getStyles = () => ({
  hidden: css({ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)', whiteSpace: 'nowrap' }),
  // The control has a fixed maximum width; here it also shrinks in a narrow panel.
  many: css({ minWidth: 0, maxWidth: '100%', '& > div': { maxWidth: '100%' } }),
});

import { Combobox, MultiCombobox, type ComboboxOption } from '@grafana/ui';
import { useLayoutEffect, useRef, type FocusEvent } from 'react';

/**
 * On React 18 a Combobox reports one pick several times, and with a synchronous store it never stops.
 * The guard lets a value through once, until the control is drawn again with another one.
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

interface SharedProps {
  id?: string;
  label: string;
  testId?: string;
  options: ComboboxOption[];
  placeholder?: string;
  custom?: boolean;
  invalid?: boolean;
  disabled?: boolean;
}

interface PickOneProps extends SharedProps {
  value?: string;
  autoFocus?: boolean;
  width?: number;
  onChange: (value: string) => void;
}

export function PickOne({ label, testId, custom, value, onChange, ...rest }: PickOneProps) {
  const change = useOncePerValue(value ?? '', onChange);
  return (
    <Combobox
      {...rest}
      aria-label={label}
      data-testid={testId}
      value={value ?? null}
      createCustomValue={custom}
      onChange={(option) => change(option.value)}
    />
  );
}

interface PickManyProps extends SharedProps {
  values: string[];
  minWidth?: number;
  maxWidth?: number;
  labelledBy: string;
  onChange: (values: string[]) => void;
}

export function PickMany({ label, labelledBy, testId, custom, values, minWidth, maxWidth, onChange, ...rest }: PickManyProps) {
  const change = useOncePerValue(values, onChange);
  // Text that was typed but not entered would be lost when the control is left.
  const keepTyped = (event: FocusEvent<HTMLElement>) => {
    const typed = event.target instanceof HTMLInputElement ? event.target.value.trim() : '';
    if (custom && typed && !values.includes(typed)) {
      change([...values, typed]);
    }
  };
  return (
    <div onBlurCapture={keepTyped}>
      <MultiCombobox
        {...rest}
        width="auto"
        minWidth={minWidth ?? 24}
        maxWidth={maxWidth ?? 80}
        aria-label={label}
        aria-labelledby={labelledBy}
        data-testid={testId}
        createCustomValue={custom}
        value={values}
        onChange={(options) => change(options.map(({ value }) => value))}
      />
    </div>
  );
}

import { Input } from '@grafana/ui';
import type { ComponentProps } from 'react';
import { useDescribedBy } from './describedBy';

/** An input that screen readers read with the hint and the error of its EditorField. */
export function DescribedInput(props: ComponentProps<typeof Input>) {
  return <Input aria-describedby={useDescribedBy()} {...props} />;
}

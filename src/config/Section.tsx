import { CollapsableSection } from '@grafana/ui';
import type { ReactNode } from 'react';

interface Props {
  texts: { label: string; testId: string };
  /** Open from the start, because something in it is set. */
  open: boolean;
  children: ReactNode;
}

export function Section({ texts, open, children }: Props) {
  return (
    <CollapsableSection label={texts.label} headerDataTestId={texts.testId} isOpen={open}>
      {children}
    </CollapsableSection>
  );
}

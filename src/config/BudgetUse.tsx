import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { lastValueFrom } from 'rxjs';
import { configStrings } from '../strings/config';

const texts = configStrings.budgetUse;

interface Budget {
  limit: number;
  used: number;
  left: number;
}

/** Says how many requests are in use, which helps to choose a budget. It shows only the advice until the data source works. */
export function BudgetUse({ uid }: { uid?: string }) {
  const styles = useStyles2(getStyles);
  const [budget, setBudget] = useState<Budget>();
  useEffect(() => {
    let isCurrent = true;
    readBudget(uid).then((found) => isCurrent && setBudget(found));
    return () => {
      isCurrent = false;
    };
  }, [uid]);
  return (
    <p className={styles.text} data-testid={texts.testId}>
      {budget && <strong>{texts.inUse(budget.used, budget.limit, budget.left)} </strong>}
      {texts.advice}
    </p>
  );
}

async function readBudget(uid?: string): Promise<Budget | undefined> {
  if (!uid) {
    return undefined;
  }
  try {
    const url = `/api/datasources/uid/${encodeURIComponent(uid)}/resources/status`;
    const answer = await lastValueFrom(getBackendSrv().fetch<{ budget?: Budget }>({ method: 'GET', url, showErrorAlert: false }));
    return answer.data.budget;
  } catch {
    return undefined;
  }
}

const getStyles = (theme: GrafanaTheme2) => ({
  text: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});

import { getBackendSrv } from '@grafana/runtime';
import { Button, Field } from '@grafana/ui';
import { useState } from 'react';
import { lastValueFrom } from 'rxjs';
import { configStrings } from '../strings/config';

const texts = configStrings.archiveEstimate;

interface Estimate {
  events: number;
  calls: number;
  seconds: number;
  bytes: number;
}

/** Says what an archive of so many days would take, judged by the last day. */
export function ArchiveEstimate({ uid, days }: { uid?: string; days: number }) {
  const [result, setResult] = useState('');
  const run = async () => setResult(uid ? await estimate(uid, days) : texts.unsaved);
  return (
    <Field label={texts.label} description={texts.hint}>
      <div data-testid={texts.testId}>
        <Button variant="secondary" size="sm" onClick={run}>
          {texts.label}
        </Button>
        <p role="status">{result}</p>
      </div>
    </Field>
  );
}

async function estimate(uid: string, days: number): Promise<string> {
  const url = `/api/datasources/uid/${encodeURIComponent(uid)}/resources/archive/estimate`;
  try {
    const request = getBackendSrv().fetch<Estimate>({ method: 'POST', url, data: { days }, showErrorAlert: false });
    const { events, calls, seconds, bytes } = (await lastValueFrom(request)).data;
    return texts.result(days, events, calls, Math.max(Math.ceil(seconds / 60), 1), Math.ceil(bytes / 1_000_000));
  } catch (error) {
    const { data, message } = error as { data?: { error?: string; message?: string }; message?: string };
    return data?.error ?? data?.message ?? message ?? String(error);
  }
}

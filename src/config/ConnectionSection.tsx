import { Field } from '@grafana/ui';
import { useId } from 'react';
import { PickOne } from '../components/Pickers';
import { configStrings } from '../strings/config';
import { ENVIRONMENTS, labelOf, urlOf } from './environments';
import { SecretField, TextField } from './fields';
import { KeyHelp } from './KeyHelp';
import type { Settings } from './useSettings';
import { apiIdProblem, apiSecretProblem, orgKeyProblem, urlProblem } from './validation';

const texts = configStrings;

// The list searches the labels, so they name the place and the URL.
const OPTIONS = ENVIRONMENTS.map((environment) => ({ value: environment.url, label: labelOf(environment) }));

export function ConnectionSection({ settings }: { settings: Settings }) {
  const { options, json, setJson, secret } = settings;
  return (
    <>
      <UrlField settings={settings} />
      <TextField
        texts={texts.orgKey}
        required
        value={json.orgKey ?? ''}
        problem={orgKeyProblem}
        onChange={(orgKey) => setJson({ orgKey })}
      />
      <TextField
        texts={texts.apiId}
        required
        value={json.apiId ?? ''}
        problem={apiIdProblem}
        onChange={(apiId) => setJson({ apiId })}
      />
      <SecretField texts={texts.apiSecret} required secret={secret('apiSecret')} problem={apiSecretProblem} />
      <KeyHelp open={!options.secureJsonFields?.apiSecret} />
    </>
  );
}

function UrlField({ settings: { options, setUrl } }: { settings: Settings }) {
  const id = useId();
  const { label, description, placeholder, testId } = texts.url;
  const url = options.url ?? '';
  const error = urlProblem(url);
  return (
    <Field
      label={label}
      htmlFor={id}
      required
      description={description}
      invalid={Boolean(error)}
      error={error}
    >
      <PickOne
        id={id}
        label={label}
        testId={testId}
        placeholder={placeholder}
        width={70}
        custom
        options={OPTIONS}
        value={url || undefined}
        onChange={(picked) => setUrl(urlOf(picked))}
      />
    </Field>
  );
}

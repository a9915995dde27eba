import { Field, RadioButtonGroup } from '@grafana/ui';
import { PickOne } from '../components/Pickers';
import { configStrings } from '../strings/config';
import { ConfigField } from './ConfigField';
import { ENVIRONMENTS, labelOf, normalizeUrl, urlOf } from './environments';
import { SecretField, TextField } from './fields';
import { KeyHelp } from './KeyHelp';
import type { Settings } from './useSettings';
import { apiIdProblem, apiSecretProblem, oauthAppIdProblem, oauthAppSecretProblem, orgKeyProblem, urlProblem } from './validation';

const texts = configStrings;

// The list searches the labels, so they name the place and the URL.
const OPTIONS = ENVIRONMENTS.map((environment) => ({ value: environment.url, label: labelOf(environment) }));

const AUTH_METHODS = [
  { value: 'apiKey' as const, label: texts.authMethod.apiKey },
  { value: 'oauthApp' as const, label: texts.authMethod.oauthApp },
];

export function ConnectionSection({ settings }: { settings: Settings }) {
  const { json, setJson } = settings;
  const method = json.authMethod ?? 'apiKey';
  return (
    <>
      <UrlField settings={settings} />
      <TextField texts={texts.orgKey} required value={json.orgKey ?? ''} problem={orgKeyProblem} onChange={(orgKey) => setJson({ orgKey })} />
      <Field label={texts.authMethod.label} description={texts.authMethod.description}>
        <RadioButtonGroup
          aria-label={texts.authMethod.label}
          data-testid={texts.authMethod.testId}
          options={AUTH_METHODS}
          value={method}
          onChange={(authMethod) => setJson({ authMethod })}
        />
      </Field>
      {method === 'oauthApp' ? <OAuthFields settings={settings} /> : <KeyFields settings={settings} />}
    </>
  );
}

function KeyFields({ settings: { options, json, setJson, secret } }: { settings: Settings }) {
  return (
    <>
      <TextField texts={texts.apiId} required value={json.apiId ?? ''} problem={apiIdProblem} onChange={(apiId) => setJson({ apiId })} />
      <SecretField texts={texts.apiSecret} required secret={secret('apiSecret')} problem={apiSecretProblem} />
      <KeyHelp open={!options.secureJsonFields?.apiSecret} />
    </>
  );
}

function OAuthFields({ settings: { json, setJson, secret } }: { settings: Settings }) {
  return (
    <>
      <TextField
        texts={texts.oauthAppId}
        required
        value={json.oauthAppId ?? ''}
        problem={oauthAppIdProblem}
        onChange={(oauthAppId) => setJson({ oauthAppId })}
      />
      <SecretField texts={texts.oauthAppSecret} required secret={secret('oauthAppSecret')} problem={oauthAppSecretProblem} />
      <TextField
        texts={texts.oauthTokenUrl}
        value={json.oauthTokenUrl ?? ''}
        problem={urlProblem}
        onChange={(oauthTokenUrl) => setJson({ oauthTokenUrl: oauthTokenUrl || undefined })}
      />
    </>
  );
}

function UrlField({ settings: { options, setUrl } }: { settings: Settings }) {
  const { label, description, placeholder, testId } = texts.url;
  const url = options.url ?? '';
  return (
    <ConfigField label={label} required description={description} error={urlProblem(url)}>
      {({ id }) => (
        <PickOne
          id={id}
          label={label}
          testId={testId}
          placeholder={placeholder}
          width={70}
          custom
          options={OPTIONS}
          value={normalizeUrl(url) || undefined}
          onChange={(picked) => setUrl(urlOf(picked))}
        />
      )}
    </ConfigField>
  );
}

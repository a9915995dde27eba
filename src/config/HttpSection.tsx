import { config } from '@grafana/runtime';
import { configStrings } from '../strings/config';
import { NumberField, PemField, SwitchField, TextField } from './fields';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = configStrings;

export function HttpSection({ settings: { json, setJson, secret } }: { settings: Settings }) {
  const { timeout, tlsSkipVerify, tlsAuth, tlsAuthWithCACert, serverName, enableSecureSocksProxy } = json;
  const open = Boolean(timeout ?? (tlsSkipVerify || tlsAuth || tlsAuthWithCACert || enableSecureSocksProxy));
  return (
    <Section texts={texts.http} open={open}>
      <NumberField
        texts={texts.timeout}
        value={timeout}
        byDefault={30}
        min={1}
        max={600}
        onChange={(value) => setJson({ timeout: value })}
      />
      <SwitchField
        texts={texts.tlsAuthWithCACert}
        value={tlsAuthWithCACert}
        onChange={(value) => setJson({ tlsAuthWithCACert: value })}
      />
      {tlsAuthWithCACert && <PemField texts={texts.tlsCACert} secret={secret('tlsCACert')} begins="-----BEGIN CERTIFICATE-----" />}
      <SwitchField
        texts={texts.tlsAuth}
        value={tlsAuth}
        onChange={(value) => setJson({ tlsAuth: value })}
      />
      {tlsAuth && (
        <>
          <TextField texts={texts.serverName} value={serverName ?? ''} onChange={(value) => setJson({ serverName: value || undefined })} />
          <PemField texts={texts.tlsClientCert} secret={secret('tlsClientCert')} begins="-----BEGIN CERTIFICATE-----" />
          <PemField texts={texts.tlsClientKey} secret={secret('tlsClientKey')} begins="-----BEGIN PRIVATE KEY-----" />
        </>
      )}
      <SwitchField
        texts={texts.tlsSkipVerify}
        value={tlsSkipVerify}
        onChange={(value) => setJson({ tlsSkipVerify: value })}
      />
      {config.secureSocksDSProxyEnabled && (
        <SwitchField
          texts={texts.secureSocks}
          value={enableSecureSocksProxy}
          onChange={(value) => setJson({ enableSecureSocksProxy: value })}
        />
      )}
    </Section>
  );
}

import { config } from '@grafana/runtime';
import { selectors } from '../selectors';
import { NumberField, PemField, SwitchField, TextField } from './fields';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = selectors.configEditor;

export function HttpSection({ settings: { json, setJson, secret } }: { settings: Settings }) {
  const { timeout, tlsSkipVerify, tlsAuth, tlsAuthWithCACert, serverName, enableSecureSocksProxy } = json;
  const open = Boolean(timeout ?? (tlsSkipVerify || tlsAuth || tlsAuthWithCACert || enableSecureSocksProxy));
  return (
    <Section texts={texts.http} open={open}>
      <NumberField
        texts={texts.timeout}
        description="How long one request may take."
        value={timeout}
        byDefault={30}
        min={1}
        max={600}
        onChange={(value) => setJson({ timeout: value })}
      />
      <SwitchField
        texts={texts.tlsAuthWithCACert}
        description="For a proxy that presents a certificate of your own authority."
        value={tlsAuthWithCACert}
        onChange={(value) => setJson({ tlsAuthWithCACert: value })}
      />
      {tlsAuthWithCACert && <PemField texts={texts.tlsCACert} secret={secret('tlsCACert')} begins="-----BEGIN CERTIFICATE-----" />}
      <SwitchField
        texts={texts.tlsAuth}
        description="For a proxy that asks for a certificate."
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
        description="Accepts any certificate. The API secret then goes to whoever answers: for tests only."
        value={tlsSkipVerify}
        onChange={(value) => setJson({ tlsSkipVerify: value })}
      />
      {config.secureSocksDSProxyEnabled && (
        <SwitchField
          texts={texts.secureSocks}
          description="Connect through Grafana's secure socks proxy, for private data source connect."
          value={enableSecureSocksProxy}
          onChange={(value) => setJson({ enableSecureSocksProxy: value })}
        />
      )}
    </Section>
  );
}

package plugin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/store"
)

// A wrong secret of another organization, store memory, asks first; the right one has store postgres.
func TestAWrongSecretGivesWayToAnotherStore(t *testing.T) {
	g := newGate(t)
	stranger := g.open(t, source{org: 2, uid: "x", secret: wrongSecret})
	require.Error(t, askQueue(t, stranger, map[string]string{"FromAlert": "true"}, time.Hour, queueTable).Error)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"store": "postgres"}, dsn: pgtest.New(t).DSN})
	require.Positive(t, rowsOf(t, first))
}

// A stranger's own database holds a verifier of its wrong secret; its requests do not come through.
func TestADatabaseOfAStrangerProvesNothing(t *testing.T) {
	g := newGate(t)
	s := source{org: 1, uid: "a", secret: rightSecret}
	first := g.open(t, s)
	require.Positive(t, rowsOf(t, first))
	saved := g.open(t, s) // settings saved, not asked yet
	first.Dispose()

	dsn := pgtest.New(t).DSN
	evil, err := store.NewPostgres(store.PostgresConfig{DSN: dsn}, first.identity.APIKey)
	require.NoError(t, err)
	require.NoError(t, evil.Trust(context.Background(), store.Secret{Fingerprint: "x", Derive: verifierOf(wrongSecret)}, store.Verifier{}))
	evil.Close()
	stranger := g.open(t, source{org: 2, uid: "x", secret: wrongSecret, jsonData: map[string]any{"store": "postgres"}, dsn: dsn})
	stranger.http.Transport.(*http.Transport).Proxy = func(*http.Request) (u *url.URL, err error) { return nil, context.DeadlineExceeded }
	stranger.client.Close()
	require.Error(t, askQueue(t, stranger, nil, time.Hour, queueTable).Error)
	require.Positive(t, rowsOf(t, saved))
}

// One TLS address can serve several servers. What another one than the URL names accepts proves nothing, and its pause is its own.
func TestAnotherServerAtTheAddressProvesNothing(t *testing.T) {
	g := newGate(t)
	var evil atomic.Int64
	var pause atomic.Bool
	open := g.behindTLS(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.TLS.ServerName != "evil.example":
			return true
		case pause.Load():
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		default:
			acceptAnything(w, r)
		}
		evil.Add(1) // a tenant of the same TLS front
		return false
	})
	first := open("a", rightSecret, nil)
	seen := rowsOf(t, first)
	require.Positive(t, seen)
	stranger := open("x", wrongSecret, map[string]any{"serverName": "evil.example", "tlsAuthWithCACert": true})
	answer := askQueue(t, stranger, nil, 72*time.Hour, queueTable)
	n := 0
	for _, f := range answer.Frames {
		n += f.Rows()
	}
	require.Zero(t, n)
	require.Positive(t, evil.Load())
	pause.Store(true)
	require.Error(t, stranger.client.Verify(context.Background()))
	require.NoError(t, first.client.Verify(context.Background()), "a pause of the other server is not for this one")
}

// Full stops behind a host name, of whatever script, lead to the same server, and so to the same identity and limit.
func TestFullStopsLeadToOneHost(t *testing.T) {
	g := newGate(t)
	var hosts []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.Host)
		secret, id, _ := strings.Cut(r.Header.Get("X-Auth-Token"), "/")
		if secret == rightSecret {
			secret = g.Keys()[0].APISecret
		}
		r.Header.Set("X-Auth-Token", secret+"/"+id)
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	open := func(host, secret string) *Instance {
		s := settingsOf(g.Server, "https://"+host, 0, map[string]any{"queueEnabled": true})
		s.DecryptedSecureJSONData = map[string]string{"apiSecret": secret}
		parsed, err := parseSettings(s)
		require.NoError(t, err)
		transport := server.Client().Transport.(*http.Transport).Clone() // the certificate is for example.com, and is verified
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			name, _, _ := net.SplitHostPort(address)
			if strings.TrimSuffix(name, ".") != "example.com" {
				return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
			}
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}
		client := &http.Client{Transport: transport}
		d, err := assemble(parsed, host, client, client)
		require.NoError(t, err)
		t.Cleanup(d.Dispose)
		return d
	}
	plain := open("example.com", rightSecret)
	require.Positive(t, rowsOf(t, plain))
	for _, host := range []string{"example.com.", "example.com..", "example.com。", "example.com｡"} {
		other := open(host, rightSecret)
		require.NoError(t, other.client.Verify(context.Background()), host)
		if other.limiter != plain.limiter || other.identity != plain.identity {
			t.Errorf("%q is another host", host)
		}
	}
}

// The limit of a key that was revoked does not hold for those who have the new secret.
func TestTheLimitOfARejectedKeyEndsForOthers(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	require.NoError(t, spend(t, first, 1, "board"))
	old := g.open(t, source{org: 2, uid: "b", secret: rightSecret, jsonData: map[string]any{"requestsPerFiveMinutes": 4}})
	require.NoError(t, old.client.Verify(context.Background()))
	g.rotate(newSecret)
	require.Error(t, old.client.Verify(context.Background()))
	renewed := g.open(t, source{org: 1, uid: "a", secret: newSecret})
	require.False(t, old.client.Accepted())
	require.NoError(t, spend(t, renewed, 1, "x"), "the revoked secret's limit holds for who has the new one")
}

// F3: after its key is rejected a data source finds no deleted export again.
func TestAnExportStaysOffTheListAfterARejection(t *testing.T) {
	g := newGate(t)
	settings := settingsOf(g.Server, g.url, 0, nil)
	c := sourceOf(t, settings, 1, "first", func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData["apiSecret"] = rightSecret })
	now := time.Now().UnixMilli()
	id := c.export(t, fmt.Sprintf(`{"query":%s,"from":%d,"to":%d,"format":"csv"}`, searchExport, now-3600_000, now))
	require.Equal(t, http.StatusOK, c.call(t, "DELETE", "exports/"+id, "").status)
	require.Equal(t, http.StatusNotFound, c.call(t, "GET", "exports/"+id, "").status)
	g.rotate(newSecret)
	time.Sleep(10 * time.Millisecond)
	_ = c.list(t)
	require.False(t, c.d.client.Accepted())
	got := c.call(t, "GET", "exports/"+id, "")
	require.Equal(t, http.StatusNotFound, got.status, got.body.String())
}

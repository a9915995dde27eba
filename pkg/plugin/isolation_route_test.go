package plugin

import (
	"context"
	"encoding/pem"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// serveRightSecret serves the simulated cloud to requests with the right secret.
func (g *gate) serveRightSecret(w http.ResponseWriter, r *http.Request) {
	secret, id, _ := strings.Cut(r.Header.Get("X-Auth-Token"), "/")
	if secret != rightSecret {
		w.WriteHeader(401)
		return
	}
	r.Header.Set("X-Auth-Token", g.Keys()[0].APISecret+"/"+id)
	g.ServeHTTP(w, r)
}

// acceptAnything answers like a server that accepts any secret and has no events. It returns false.
func acceptAnything(w http.ResponseWriter, r *http.Request) bool {
	if strings.Contains(r.URL.Path, "_queue") {
		w.WriteHeader(500)
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"num_found":0,"results":[]}`))
	return false
}

// behindTLS serves the simulated cloud at localhost. Requests for which isCloud returns false were answered by it, in the place of another
// server. open makes a data source there.
func (g *gate) behindTLS(t *testing.T, isCloud func(http.ResponseWriter, *http.Request) bool) (open func(uid, secret string, jsonData map[string]any) *Instance) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isCloud(w, r) {
			g.serveRightSecret(w, r)
		}
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return func(uid, secret string, jsonData map[string]any) *Instance {
		all := map[string]any{"queueEnabled": true, "tlsSkipVerify": true}
		maps.Copy(all, jsonData)
		s := settingsOf(g.Server, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), 0, all)
		s.UID = uid
		s.DecryptedSecureJSONData = map[string]string{"apiSecret": secret, "tlsCACert": string(ca)}
		return newInstance(t, s)
	}
}

// Another spelling of the host as TLS server name leads to the host, not to the default server of its front.
func TestServerNamesAreSentAsTheyAreCompared(t *testing.T) {
	g := newGate(t)
	var seen []string
	open := g.behindTLS(t, func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.TLS.ServerName)
		return r.TLS.ServerName == "localhost" || acceptAnything(w, r) // the default server of the front
	})
	first := open("a", rightSecret, nil)
	require.Positive(t, rowsOf(t, first))
	for _, name := range []string{"localhost。", "LOCALHOST", "localhost。。"} {
		stranger := open("x"+name, wrongSecret, map[string]any{"serverName": name, "tlsAuthWithCACert": true})
		answer := askQueue(t, stranger, nil, 72*time.Hour, queueTable)
		n := 0
		for _, f := range answer.Frames {
			n += f.Rows()
		}
		require.Zero(t, n, name)
		require.Equal(t, "localhost", seen[len(seen)-1], name)
	}
}

// socks routes connections by the user's name, as a proxy for private networks does.
func socks(t *testing.T, route func(user, address string) string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 300)
				_, _ = io.ReadFull(c, b[:2])
				_, _ = io.ReadFull(c, b[2:2+b[1]])
				_, _ = c.Write([]byte{5, 2})
				_, _ = io.ReadFull(c, b[:2])
				n := int(b[1])
				_, _ = io.ReadFull(c, b[:n+1])
				user, pn := string(b[:n]), int(b[n])
				_, _ = io.ReadFull(c, b[:pn])
				_, _ = c.Write([]byte{1, 0})
				_, _ = io.ReadFull(c, b[:4])
				var host string
				if b[3] == 3 {
					_, _ = io.ReadFull(c, b[:1])
					n = int(b[0])
					_, _ = io.ReadFull(c, b[:n])
					host = string(b[:n])
				} else {
					_, _ = io.ReadFull(c, b[:4])
					host = net.IP(b[:4]).String()
				}
				_, _ = io.ReadFull(c, b[:2])
				up, err := net.Dial("tcp", route(user, host))
				if err != nil {
					return
				}
				defer up.Close()
				_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
				go io.Copy(up, c)
				_, _ = io.Copy(c, up)
			}()
		}
	}()
	return l.Addr().String()
}

// A proxy that routes by user leads the same URL to another server, which proves nothing.
func TestTheNetworkOfAProxyIsPartOfTheIdentity(t *testing.T) {
	g := newGate(t)
	real := httptest.NewTLSServer(http.HandlerFunc(g.serveRightSecret))
	t.Cleanup(real.Close)
	evil := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { acceptAnything(w, r) }))
	t.Cleanup(evil.Close)
	proxy := socks(t, func(user, address string) string {
		if user == "network-of-the-stranger" {
			return evil.Listener.Addr().String()
		}
		return real.Listener.Addr().String()
	})
	ctx := backend.WithGrafanaConfig(context.Background(), backend.NewGrafanaCfg(map[string]string{
		"GF_SECURE_SOCKS_DATASOURCE_PROXY_SERVER_ENABLED": "true", "GF_SECURE_SOCKS_DATASOURCE_PROXY_PROXY_ADDRESS": proxy,
		"GF_SECURE_SOCKS_DATASOURCE_PROXY_ALLOW_INSECURE": "true", "GF_SECURE_SOCKS_DATASOURCE_PROXY_SERVER_NAME": "x",
		"GF_SECURE_SOCKS_DATASOURCE_PROXY_CLIENT_CERT": "x", "GF_SECURE_SOCKS_DATASOURCE_PROXY_CLIENT_KEY": "x", "GF_SECURE_SOCKS_DATASOURCE_PROXY_ROOT_CA_CERT": "x",
	}))
	open := func(uid, secret, network string) *Instance {
		s := settingsOf(g.Server, "https://cbc.example", 0, map[string]any{"queueEnabled": true, "tlsSkipVerify": true, "enableSecureSocksProxy": true, "secureSocksProxyUsername": network})
		s.UID = uid
		s.DecryptedSecureJSONData = map[string]string{"apiSecret": secret}
		d, err := NewInstance(ctx, s)
		require.NoError(t, err)
		t.Cleanup(d.(*Instance).Dispose)
		return d.(*Instance)
	}
	first := open("a", rightSecret, "network-of-the-first")
	require.Positive(t, rowsOf(t, first))
	stranger := open("x", wrongSecret, "network-of-the-stranger")
	answer := askQueue(t, stranger, nil, 72*time.Hour, queueTable)
	n := 0
	for _, f := range answer.Frames {
		n += f.Rows()
	}
	require.Zero(t, n, "a wrong secret reads the queue")
}

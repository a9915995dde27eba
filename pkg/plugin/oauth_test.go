package plugin

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// oauthSettings returns valid settings for the OAuth app of a simulated cloud, changed by jsonData.
func oauthSettings(sim *simulator.Server, url string, jsonData map[string]any) backend.DataSourceInstanceSettings {
	app := sim.Apps()[0]
	all := map[string]any{"orgKey": sim.OrgKey(), "authMethod": "oauthApp", "oauthAppId": app.AppID}
	maps.Copy(all, jsonData)
	raw, _ := json.Marshal(all)
	return backend.DataSourceInstanceSettings{Type: ID, URL: url, JSONData: raw, DecryptedSecureJSONData: map[string]string{"oauthAppSecret": app.AppSecret}}
}

func TestOAuthSettings(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	parsed, err := parseSettings(oauthSettings(sim, url, nil))
	require.NoError(t, err)
	require.Equal(t, &cbc.OAuthApp{ID: sim.Apps()[0].AppID, Secret: sim.Apps()[0].AppSecret}, parsed.oauth)
	key, err := parseSettings(settingsOf(sim, url, 0, map[string]any{"authMethod": "apiKey", "oauthAppId": "unused"}))
	require.NoError(t, err)
	require.Nil(t, key.oauth)

	for name, wrong := range map[string]struct {
		jsonData map[string]any
		secret   string
		says     string
	}{
		"method":        {map[string]any{"authMethod": "saml"}, "s", `authMethod has an unknown value "saml": allowed are apiKey, oauthApp`},
		"no ID":         {map[string]any{"oauthAppId": ""}, "s", "oauthAppId is missing"},
		"ID is number":  {map[string]any{"oauthAppId": 72044e11}, "s", "oauthAppId must be a string: quote it"},
		"no secret":     {nil, " ", "oauthAppSecret is missing"},
		"bad secret":    {nil, "a b", "oauthAppId or oauthAppSecret contains a character"},
		"colon":         {map[string]any{"oauthAppId": "a:b"}, "s", "oauthAppId or oauthAppSecret contains a character"},
		"token URL":     {map[string]any{"oauthTokenUrl": "http://token.example/x"}, "s", "oauthTokenUrl \"http://token.example/x\" must begin with https://"},
		"header":        {map[string]any{"httpHeaderName1": "authorization"}, "s", "httpHeaderName1 must not be authorization"},
		"key in app":    {map[string]any{"authMethod": "oauthApp", "oauthAppId": nil, "apiId": "ID"}, "s", "oauthAppId is missing"},
		"method's type": {map[string]any{"authMethod": true}, "s", "authMethod must be a string"},
	} {
		s := oauthSettings(sim, url, wrong.jsonData)
		s.DecryptedSecureJSONData = map[string]string{"oauthAppSecret": wrong.secret, "httpHeaderValue1": "x"}
		_, err := NewInstance(context.Background(), s)
		require.ErrorContains(t, err, wrong.says, name)
	}
	basic := oauthSettings(sim, url, nil)
	basic.BasicAuthEnabled = true
	_, err = parseSettings(basic)
	require.ErrorContains(t, err, "basicAuth cannot be used with authMethod oauthApp")
}

// Queries, exports and the queue work with an OAuth app, and go on when its token is revoked.
func TestOAuthAppAnswers(t *testing.T) {
	sim := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}})
	server := serve(sim)
	t.Cleanup(server.Close)
	d := newInstance(t, oauthSettings(sim, server.URL, map[string]any{"queueEnabled": true}))
	health, err := d.CheckHealth(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, health.Status, health.Message)
	require.Positive(t, rowsOf(t, d))
	sim.RevokeTokens()
	require.NoError(t, spend(t, d, 1, "board"))
	require.Equal(t, 2, sim.State().Endpoints["token"].Calls)
	calls := 0
	for _, endpoint := range sim.State().Endpoints {
		calls += int(endpoint.Calls)
	}
	require.Equal(t, calls, d.limiter.Budget().Used, "token requests count")
}

// A wrong app secret opens nothing that the right one has filled, nor does the token service of somebody else.
func TestOAuthAppNeedsItsSecret(t *testing.T) {
	sim := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}})
	server := serve(sim)
	t.Cleanup(server.Close)
	queue := map[string]any{"queueEnabled": true}
	first := newInstance(t, oauthSettings(sim, server.URL, queue))
	seen := rowsOf(t, first)
	require.Positive(t, seen)
	require.NoError(t, spend(t, first, 1, "board-of-one"))

	wrong := oauthSettings(sim, server.URL, queue)
	wrong.DecryptedSecureJSONData["oauthAppSecret"] = wrongSecret
	second := newInstance(t, wrong)
	for _, query := range []string{queueTable, `{"queryType":"count"}`} {
		answer := askQueue(t, second, nil, 24*time.Hour, query)
		require.ErrorContains(t, answer.Error, "the OAuth app is not accepted", query)
		require.Empty(t, answer.Frames)
		require.NotContains(t, answer.Error.Error(), wrongSecret)
	}
	require.NotContains(t, statusText(t, second, 1), "board-of-one")
	require.NotEqual(t, first.identity, second.identity)

	// Its token service gives out the token of another app, which the console accepts.
	forged := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app := sim.Apps()[0]
		r.SetBasicAuth(app.AppID, app.AppSecret)
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(forged.Close)
	queue["oauthTokenUrl"] = forged.URL + "/csp/gateway/am/api/auth/token"
	stranger := oauthSettings(sim, server.URL, queue)
	stranger.DecryptedSecureJSONData["oauthAppSecret"] = wrongSecret
	third := newInstance(t, stranger)
	require.NoError(t, third.client.Verify(context.Background()), "its token is valid")
	require.NotEqual(t, first.identity.APIKey, third.identity.APIKey)
	require.Equal(t, seen, rowsOf(t, first), "it has taken over nothing")

	same := newInstance(t, oauthSettings(sim, server.URL+"/", map[string]any{"queueEnabled": true}))
	require.Equal(t, first.identity, same.identity)
	require.Equal(t, seen, rowsOf(t, same))
}

// A bearer token in a header must not stand in for the API key, nor replace the token of an app.
func TestHeadersCannotForgeTheToken(t *testing.T) {
	sim, _ := cloud(t, simulator.Config{})
	var bearer, basic, tokens atomic.Int64
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, isBasic := r.BasicAuth()
		switch {
		case isBasic && user == "gateway":
			basic.Add(1)
		case r.Header.Get("Authorization") == "Bearer forged":
			bearer.Add(1)
		case r.Header.Get("X-Auth-Token") != "":
			tokens.Add(1)
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	forge := func(value string) context.Context {
		return httpclient.WithContextualMiddleware(context.Background(), httpclient.MiddlewareFunc(
			func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
				return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
					r.Header.Set("Authorization", value)
					return next.RoundTrip(r)
				})
			}))
	}
	key := newInstance(t, settingsOf(sim, server.URL, 0, nil))
	require.NoError(t, key.client.Verify(forge("Bearer forged")))
	require.EqualValues(t, 1, tokens.Load())
	require.NoError(t, key.client.Verify(forge("Basic Z2F0ZXdheTp4")), "a gateway may ask for a user")
	require.EqualValues(t, 1, basic.Load())
	app := newInstance(t, oauthSettings(sim, server.URL, nil))
	require.NoError(t, app.client.Verify(forge("Bearer forged")))
	require.Zero(t, bearer.Load())
	require.EqualValues(t, 1, tokens.Load())
}

package simulator

import (
	"cmp"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// issue asks for an access token; an empty form means client credentials.
func (c *cloud) issue(app App, form string) reply {
	request := c.request(http.MethodPost, tokenPath, cmp.Or(form, "grant_type=client_credentials"))
	request.Header.Del("X-Auth-Token")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(app.AppID, app.AppSecret)
	return c.do(request, c.http.Client())
}

func (c *cloud) token(form string) string {
	token, _ := c.issue(c.Apps()[0], form).object(c.t)["access_token"].(string)
	require.NotEmpty(c.t, token)
	return token
}

func (c *cloud) searchWith(token string) reply {
	request := c.request(http.MethodPost, c.logs("_search"), "{}")
	request.Header.Del("X-Auth-Token")
	request.Header.Set("Authorization", "Bearer "+token)
	return c.do(request, c.http.Client())
}

func TestOAuthApp(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	answer := c.issue(c.Apps()[0], "").object(t)
	require.NotNil(t, answer["scope"])
	token, _ := answer["access_token"].(string)
	require.Equal(t, 200, c.searchWith(token).status)
	require.Equal(t, 401, c.searchWith(token+"x").status)
	require.Equal(t, 401, c.searchWith("").status)
	require.Equal(t, c.Apps()[0].AppID, c.Requests()[1].APIID)
	require.Equal(t, "token", c.Requests()[0].Endpoint)

	c.RevokeTokens()
	require.Equal(t, 401, c.searchWith(token).status)
	require.Equal(t, 200, c.searchWith(c.token("")).status)
}

func TestOAuthAppsAreNoAPIKeys(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	app := c.Apps()[0]
	c.key = Key{APIID: app.AppID, APISecret: app.AppSecret}
	require.Equal(t, 401, c.search(`{}`).status)
	key := c.Keys()[0]
	require.Equal(t, 401, c.issue(App{AppID: key.APIID, AppSecret: key.APISecret}, "").status)
	require.Len(t, c.Keys(), 4)
}

func TestTokenRequests(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	for _, form := range []string{"grant_type=password", "x", "{}"} {
		require.Equal(t, 400, c.issue(c.Apps()[0], form).status, form)
	}
	require.Equal(t, 400, c.call(http.MethodGet, tokenPath, "").status, "only POST")
	require.Equal(t, 400, c.call(http.MethodPost, tokenPath, "grant_type=client_credentials").status, "not a form")
	c.SetSwitches(Switches{RateCalls: 1})
	require.Equal(t, 200, c.issue(c.Apps()[0], "").status)
	require.Equal(t, 429, c.issue(c.Apps()[0], "").status, "the rate limit applies")
}

package simulator

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysAndPermissions(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	type access struct{ audits, jobs int }
	want := []access{{200, 200}, {200, 403}, {403, 200}, {403, 403}}
	for i, key := range c.Keys() {
		c.key = key
		require.Equal(t, want[i].audits, c.search(`{}`).status, key.APIID)
		require.Equal(t, want[i].audits, c.queue().status, key.APIID)
		require.Equal(t, want[i].audits, c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`).status, key.APIID)
		require.Equal(t, want[i].jobs, c.call(http.MethodGet, c.jobPath(""), "").status, key.APIID)
	}
}

func TestMissingPermissionIsNamed(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	c.key = c.Keys()[3]
	require.Contains(t, c.search(`{}`).object(t)["message"], "org.audits READ")
	require.Contains(t, c.call(http.MethodGet, c.jobPath(""), "").object(t)["message"], "jobs.status READ")
}

func TestWrongKeysAndOrganizations(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	good := c.key
	for _, token := range []string{"", "x", good.APISecret, good.APIID + "/" + good.APISecret, good.APISecret + "x/" + good.APIID, "/" + good.APIID} {
		request := c.request(http.MethodPost, c.logs("_search"), "{}")
		request.Header.Set("X-Auth-Token", token)
		r := c.do(request, c.http.Client())
		require.Equal(t, http.StatusUnauthorized, r.status, token)
		require.Equal(t, "UNAUTHORIZED", r.object(t)["error_code"])
	}
	for _, org := range []string{"OTHER", "ABCD1234%2F"} {
		r := c.call(http.MethodPost, strings.Replace(c.logs("_search"), "ABCD1234", org, 1), "{}")
		require.Equal(t, http.StatusUnauthorized, r.status)
		require.Equal(t, "BAD_REQUEST", r.object(t)["error_code"])
		require.Contains(t, r.object(t)["message"], "Illegal org key "+strings.Replace(org, "%2F", "/", 1))
	}
}

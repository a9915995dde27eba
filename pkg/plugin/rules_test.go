package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

const mine = `[{"pattern":"Password did not match{rest}","category":"break_glass","action":" knock ","outcome":"failure","severity":"critical"}]`

// Rules come as a list, or as a string of JSON from an environment variable.
func TestRulesOfTheSettings(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	for _, value := range []any{json.RawMessage(mine), mine, " " + mine + "\n"} {
		d := newInstance(t, settingsOf(sim, url, 0, map[string]any{rulesKey: value}))
		require.Equal(t, "break_glass.knock", d.catalog.Classify("Password did not match").Code)
		answers := ask(t, d, nil, `{"refId":"A","queryType":"count","criteria":{"category":["break_glass"],"action":["knock"]}}`,
			`{"refId":"B","queryType":"count","criteria":{"category":["authentication"],"outcome":["failure"]}}`)
		require.NoError(t, answers["A"].Error)
		require.Positive(t, answers["A"].Frames[0].Fields[0].At(0))
	}
	for _, none := range []any{nil, "", " ", json.RawMessage("[]"), "null"} {
		d := newInstance(t, settingsOf(sim, url, 0, map[string]any{rulesKey: none}))
		require.Same(t, catalog.Default(), d.catalog)
	}
}

func TestWrongRulesOfTheSettings(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	for value, want := range map[string]string{
		`"[{"`:  "catalogRules must be a list of rules, not a string that is not JSON",
		`7`:     "catalogRules must be a list of rules",
		`{}`:    "catalogRules must be a list of rules",
		`["x"]`: "catalogRules[0] must be an object with action, category",
		`[{"pattern":"a","category":"b","action":"c","colour":"red"}]`: `catalogRules[0] has an unknown key "colour": allowed are action`,
		`[{"pattern":7}]`: "catalogRules[0].pattern must be a string",
		`[{"pattern":"a","category":"b","action":"c"},{"pattern":"b","category":"b","action":"c"},{"pattern":"{"}]`: "catalogRules[2].category",
		`[{"pattern":"{x","category":"b","action":"c"}]`:                                                            `catalogRules[0].pattern "{x": a { has no }`,
	} {
		made, err := NewInstance(context.Background(), settingsOf(sim, url, 0, map[string]any{rulesKey: json.RawMessage(value)}))
		require.Nil(t, made, value)
		require.ErrorContains(t, err, want)
	}
}

// askResource sends a resource request.
func askResource(t *testing.T, to backend.CallResourceHandler, method, path, body string) (status int, answer map[string]any) {
	err := to.CallResource(context.Background(), &backend.CallResourceRequest{Method: method, Path: path, URL: path, Body: []byte(body)},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
			status = r.Status
			return json.Unmarshal(r.Body, &answer)
		}))
	require.NoError(t, err)
	return status, answer
}

func TestCatalogListsRulesFirst(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, map[string]any{rulesKey: mine}))
	status, got := askResource(t, d, "GET", "catalog", "")
	require.Equal(t, http.StatusOK, status)
	rows := got["rows"].([]any)
	require.Equal(t, []any{"settings"}, rows[0].(map[string]any)["sources"])
	require.Equal(t, "login.succeeded", rows[1].(map[string]any)["code"])
	require.Contains(t, got["categories"], "break_glass")
	require.Contains(t, got["actions"], "knock")
}

// Rules are tried out before they are saved, and also where the saved ones are wrong.
func TestCatalogTest(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	wrong, err := Open(context.Background(), settingsOf(sim, url, 0, map[string]any{rulesKey: "{"}))
	require.NoError(t, err)
	for _, d := range []backend.CallResourceHandler{newInstance(t, settingsOf(sim, url, 0, nil)), wrong.(backend.CallResourceHandler)} {
		status, got := askResource(t, d, "POST", "catalog/test", `{"rules":`+mine+`,"descriptions":["Password did not match","Logged in successfully","Who knows"]}`)
		require.Equal(t, http.StatusOK, status)
		var codes []string
		for _, class := range got["classes"].([]any) {
			c := class.(map[string]any)
			codes = append(codes, fmt.Sprint(c["description"], " ", c["code"], " ", c["severity"], " ", len(c["sources"].([]any)) > 0))
		}
		require.Equal(t, []string{"Password did not match break_glass.knock critical true", "Logged in successfully login.succeeded info true", "Who knows other.unknown info false"}, codes)

		long := strings.Repeat("x", 10_001)
		for body, want := range map[string]string{
			``:             "expected {",
			`[]`:           "expected {",
			`{"colour":1}`: "unknown field",
			`{"rules":[{"pattern":"{rest}","category":"a","action":"b"}]}`: `rules[0].pattern "{rest}"`,
			`{"descriptions":["` + long + `"]}`:                            "more than 10000 bytes",
			`{"descriptions":[` + strings.Repeat(`"a",`, 100) + `"a"]}`:    "at most 100",
			`{"descriptions":["` + strings.Repeat("x", 3<<20) + `"]}`:      "too large",
		} {
			status, got := askResource(t, d, "POST", "catalog/test", body)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, got["error"], want)
		}
		status, got = askResource(t, d, "POST", "catalog/test", `{}`)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, []any{}, got["classes"])
	}
	status, got := askResource(t, wrong.(backend.CallResourceHandler), "GET", "catalog", "")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, got["error"], "catalogRules")
	require.Empty(t, sim.Requests(), "nobody is asked")
}

// Every viewer may test rules, so what they cost is bounded, by steps that are the same on every machine.
func TestCatalogTestIsBounded(t *testing.T) {
	d := newInstance(t, backend.DataSourceInstanceSettings{
		URL: "http://127.0.0.1:1", JSONData: []byte(`{"orgKey":"O","apiId":"A"}`), DecryptedSecureJSONData: map[string]string{"apiSecret": "S"},
	})
	var rules []map[string]string
	for i := range catalog.MaxRules {
		rules = append(rules, map[string]string{"pattern": "{x}a" + strings.Repeat(" {b:id}", 90) + fmt.Sprint(" ", i), "category": "x", "action": "y"})
	}
	numbers := "" // so that no rule is passed over because of what the text lacks
	for i := range catalog.MaxRules {
		numbers += fmt.Sprint(i, " ")
	}
	var descriptions []string
	for i := range maxTested {
		descriptions = append(descriptions, numbers+strings.Repeat("a ", 1000+i))
	}
	body, err := json.Marshal(map[string]any{"rules": rules, "descriptions": descriptions})
	require.NoError(t, err)
	status, answer := askResource(t, d, http.MethodPost, "catalog/test", string(body))
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer["error"], "the rules take too long to try: start their patterns with a word")
}

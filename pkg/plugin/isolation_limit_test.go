package plugin

import (
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// The accepted API key of one organization has a small limit, and another organization's goes on at its own.
func TestALimitSlowsNoOtherKey(t *testing.T) {
	cloud := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}})
	server := serve(cloud)
	t.Cleanup(server.Close)
	open := func(uid string, key int, limit int) *Instance {
		s := settingsOf(cloud, server.URL, key, map[string]any{"requestsPerFiveMinutes": limit})
		s.UID = uid
		return newInstance(t, s)
	}
	first := open("a", 0, 600)
	require.NoError(t, spend(t, first, 1, "warm"))
	second := -1
	for i, key := range cloud.Keys()[1:] {
		if open("probe", i+1, 600).client.Verify(t.Context()) == nil && key.APIID != cloud.Keys()[0].APIID {
			second = i + 1
			break
		}
	}
	require.Positive(t, second, "another key that may search")
	slow := open("b", second, 3)
	require.NoError(t, slow.client.Verify(t.Context()))
	require.Equal(t, 600, first.limits(t.Context()).Budget.Limit)
	for range 10 {
		require.NoError(t, first.client.Verify(t.Context()))
	}
	require.Equal(t, 3, slow.limits(t.Context()).Budget.Limit)

	slow.Dispose()
	huge := open("c", second, 1_000_000)
	require.NoError(t, huge.client.Verify(t.Context()))
	require.Equal(t, 600, first.limits(t.Context()).Budget.Limit, "nor does a large one let others spend the host's")
}

package simulator

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

func TestQueueIsReadOnce(t *testing.T) {
	old := event(3*day+time.Second, "too old")
	c := newCloud(t, Config{Events: append(numbered(5001), old)})
	require.Equal(t, 5001, c.QueueLength(c.key.APIID))
	seen := map[string]bool{}
	for _, size := range []int{2500, 2500, 1, 0} {
		p := c.queue().page(t)
		require.Len(t, p.Results, size)
		require.Equal(t, size, p.NumFound)
		for _, description := range p.descriptions() {
			require.False(t, seen[description], "twice: %s", description)
			seen[description] = true
		}
	}
	require.Len(t, seen, 5001)
	require.False(t, seen["too old"])
	require.Zero(t, c.QueueLength(c.key.APIID))
	c.key = c.Keys()[1]
	require.Len(t, c.queue().page(t).Results, 2500, "each key has a queue of its own")
}

func TestQueueGetsArrivals(t *testing.T) {
	c := newCloud(t, Config{Events: []Event{}})
	require.Empty(t, c.queue().page(t).Results)
	late := event(10*day, "ten days late")
	late.Arrives = noon.Add(time.Minute)
	c.Add(event(0, "new"), late, Event{Description: "timeless"})
	require.Equal(t, []string{"timeless", "new"}, c.queue().page(t).descriptions())
	c.clock.advance(time.Minute)
	require.Equal(t, []string{"ten days late"}, c.queue().page(t).descriptions())
}

func TestNewKeyStartsWithThreeDays(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(10)})
	c.queue()
	c.AddKey(c.key)
	require.Equal(t, 10, c.QueueLength(c.key.APIID))
	require.Len(t, c.Keys(), 4)
	require.Zero(t, c.QueueLength("nobody"))
}

func TestConcurrentReadersShareTheQueue(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(3000), Switches: Switches{QueueBatch: 100}})
	replies := make(chan reply, 40)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				replies <- c.queue()
				c.Add(event(0, "noise"))
				c.search(`{"query":"description:noise"}`)
			}
		})
	}
	wg.Wait()
	close(replies)
	seen := map[string]int{}
	for r := range replies {
		for _, description := range r.page(t).descriptions() {
			seen[description]++
		}
	}
	for i := range 3000 {
		require.Equal(t, 1, seen[fmt.Sprint("event ", i)])
	}
}

// TestTheVendorsSDK sends the requests of the vendor's Python SDK.
func TestTheVendorsSDK(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(130)})
	// It pages through a search without rows, starting after the received rows, until num_found.
	received := 0
	for received < 130 {
		body := `{"criteria": {"create_time": {"range": "-5d"}}, "query": "description:event"}`
		if received > 0 {
			body = fmt.Sprintf(`{"criteria": {"create_time": {"range": "-5d"}}, "query": "description:event", "start": %d}`, received)
		}
		p := c.search(body).page(t)
		require.Equal(t, 130, p.NumFound)
		require.NotEmpty(t, p.Results, "an empty page before num_found makes the SDK spin")
		received += len(p.Results)
	}
	// It reads the queue by get("results").
	require.Len(t, c.queue().object(t)["results"], 130)
	require.Len(t, c.queue().object(t)["results"], 0)
	// It polls an export's job until it is complete, then streams the file.
	id := c.export(`{"format": "csv", "query": "description:event"}`)
	require.Equal(t, "CREATED", c.call(http.MethodGet, c.jobPath("/"+id), "").object(t)["status"])
	require.Equal(t, "COMPLETED", c.call(http.MethodGet, c.jobPath("/"+id), "").object(t)["status"])
	require.Equal(t, http.StatusOK, c.download(id).status)
}

func TestGrantRefillsQueue(t *testing.T) {
	c := newCloud(t, Config{Events: append(numbered(5), event(10*24*time.Hour, "long ago"))})
	require.Len(t, c.queue().page(t).Results, 5)
	c.Add(event(0, "unread"))
	c.Grant(c.key.APIID)
	require.ElementsMatch(t, c.search(`{"rows":6}`).page(t).descriptions(), c.queue().page(t).descriptions())
	require.Empty(t, c.queue().page(t).Results)
	c.Grant("NOSUCHKEY1")
}

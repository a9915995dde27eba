package cbc

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// However many clients are never answered, they take no more than a part of the budget together.
func TestManyClientsThatAreNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		reset := step{err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}
		var clients []*Client
		for range 11 {
			c, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 600}, reset)
			clients = append(clients, c)
		}
		good, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 600}, fine)
		_, err := searchOnce(context.Background(), good)
		require.NoError(t, err)
		refused, tried := 0, 0
		for i := range 900 {
			for _, c := range clients {
				_, err := searchOnce(context.Background(), c)
				require.Error(t, err)
			}
			if i%15 == 14 {
				tried++
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				if _, err := searchOnce(ctx, good); err != nil {
					refused++
				}
				cancel()
			}
			time.Sleep(time.Second)
		}
		require.Equal(t, 60, tried)
		require.Zero(t, refused, "of the requests of an accepted client")
		require.LessOrEqual(t, l.Budget().Used, 120+tried, "a fifth of 600, and what the accepted client sent")
	})
}

// Each client that was never answered may send its first request, even when others of its kind have used up their part.
func TestAFirstRequestFindsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		reset := step{err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}
		for range 20 {
			c, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 600}, reset)
			for range 10 {
				_, _ = searchOnce(context.Background(), c)
			}
		}
		for range 30 {
			good, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 600}, fine)
			_, err := searchOnce(context.Background(), good)
			require.NoError(t, err)
		}
	})
}

// The limit of a key applies to all clients of the host only while the key is accepted.
func TestTheLimitOfARejectedKeyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		revoked, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 4}, fine, step{status: 401})
		_, err := searchOnce(context.Background(), revoked)
		require.NoError(t, err)
		require.Equal(t, 4, l.Budget().Limit)
		time.Sleep(time.Minute)
		_, err = searchOnce(context.Background(), revoked)
		require.Error(t, err)
		require.False(t, revoked.Accepted())
		require.Equal(t, ratelimit.DefaultLimit, l.Budget().Limit)
	})
}

// Of a small limit, too, clients that are not accepted have no more than their part.
func TestASmallLimitIsNotForTheUnaccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		good, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 20}, fine)
		_, err := searchOnce(context.Background(), good)
		require.NoError(t, err)
		reset := step{err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}
		for range 20 {
			c, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 600}, reset)
			_, _ = searchOnce(ratelimit.WithLane(context.Background(), ratelimit.LaneAlert), c)
		}
		ctx, cancel := context.WithTimeout(ratelimit.WithLane(context.Background(), ratelimit.LaneAlert), 9*time.Second)
		defer cancel()
		_, err = searchOnce(ctx, good)
		require.NoError(t, err)
	})
}

// A request that was sent before the key was rejected, and is answered after, does not set the limit again.
func TestALateAnswerSetsNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		c, _ := scripted(t, Config{Limiter: l, RequestsPerFiveMinutes: 4}, step{status: 200, body: goodPage, takes: 10 * time.Second}, step{status: 401})
		done := make(chan error)
		go func() { _, err := searchOnce(context.Background(), c); done <- err }()
		time.Sleep(time.Second)
		_, err := searchOnce(context.Background(), c)
		require.Error(t, err)
		require.NoError(t, <-done)
		require.False(t, c.Accepted())
		time.Sleep(time.Hour)
		require.Equal(t, ratelimit.DefaultLimit, l.Budget().Limit)
	})
}

// via returns a client whose requests are answered by a function.
func via(t *testing.T, l *ratelimit.Limiter, oauth *OAuthApp, answer roundTrip) *Client {
	t.Helper()
	c, err := New(Config{URL: "https://cbc.example", OrgKey: "ABCD1234", APIID: "ID", APISecret: "secret", OAuth: oauth, Limiter: l, RequestsPerFiveMinutes: 600},
		&http.Client{Transport: answer, Timeout: 30 * time.Second})
	require.NoError(t, err)
	return c
}

// Token services that hang hold up nobody who does not use them.
func TestATokenServiceThatHangsHoldsNoPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Config{})
		good := via(t, l, nil, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(goodPage))}, nil
		})
		_, err := searchOnce(context.Background(), good)
		require.NoError(t, err)
		stop, cancel := context.WithCancel(context.Background())
		for range 4 {
			evil := via(t, l, &OAuthApp{ID: "x", Secret: "x", TokenURL: "https://evil.example/token"}, func(r *http.Request) (*http.Response, error) {
				require.Equal(t, "evil.example", r.URL.Host)
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			go func() {
				for stop.Err() == nil {
					_, _ = searchOnce(stop, evil)
					select {
					case <-time.After(100 * time.Millisecond):
					case <-stop.Done():
					}
				}
			}()
		}
		time.Sleep(time.Second)
		refused := 0
		for range 60 {
			ctx, c := context.WithTimeout(ratelimit.WithLane(context.Background(), ratelimit.LaneAlert), 9*time.Second)
			if _, err := searchOnce(ctx, good); err != nil {
				refused++
			}
			c()
			time.Sleep(10 * time.Second)
		}
		cancel()
		time.Sleep(time.Minute)
		require.Zero(t, refused)
	})
}

package cbc

import (
	"context"
	"errors"
	"net"
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

package cbc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

func TestRejectionsAreRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		calls []int // that have been sent after 100 requests at each minute
		kind  Kind
	}{
		"401":                     {[]step{{status: 401}}, []int{1, 2, 3}, KindKey},
		"401, an org key":         {[]step{{status: 401, body: `{"message":"Illegal org key"}`}}, []int{1, 2, 3}, KindOrgKey},
		"403":                     {[]step{{status: 403}}, []int{1, 2, 3}, KindPermission},
		"404":                     {[]step{{status: 404}}, []int{1, 2, 3}, KindHost},
		"a page of somebody else": {[]step{{status: 200, body: "<html>"}}, []int{1, 2, 3}, KindHost},
		"a redirect":              {[]step{{status: 302}}, []int{1, 2, 3}, KindHost},
		"a query it dislikes":     {[]step{{status: 400, body: "{}"}}, []int{100, 200, 300}, KindQuery},
		"a server that fails":     {[]step{{status: 503}}, []int{300, 600, 900}, KindServer},
		"401, then fine":          {[]step{{status: 401}, fine}, []int{1, 101, 201}, ""},
		"403, then fine":          {[]step{{status: 403}, fine}, []int{1, 101, 201}, ""},
		"401, a blip, then fine":  {[]step{{status: 401}, {status: 503}, {status: 503}, {status: 503}, fine}, []int{1, 103, 203}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, cloud := scripted(t, Config{}, c.steps...)
			client.config.Sleep = func(context.Context, time.Duration) error { return nil }
			var err error
			for _, calls := range c.calls {
				for range 100 {
					_, err = searchOnce(context.Background(), client)
				}
				require.Len(t, cloud.at, calls, name)
				time.Sleep(time.Minute)
			}
			if c.kind == "" {
				require.NoError(t, err, name)
				return
			}
			var failed *Error
			require.ErrorAs(t, err, &failed, name)
			require.Equal(t, c.kind, failed.Kind, name)
			if c.calls[0] == 1 {
				require.ErrorContains(t, err, "next attempt after", name)
			}
		})
	}
}

// Answers that are not about the key itself are asked for again sooner, and later each time.
func TestWrongAnswersArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{}, step{status: 404})
		for range 200 {
			_, err := searchOnce(context.Background(), client)
			require.Error(t, err)
			time.Sleep(time.Second)
		}
		var pauses []time.Duration
		for i := 1; i < len(cloud.at); i++ {
			pauses = append(pauses, cloud.at[i]-cloud.at[i-1])
		}
		require.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}, pauses)
	})
}

func TestAMissingPermissionLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{}, step{status: 403}, fine)
		_, err := client.Jobs(context.Background())
		require.ErrorContains(t, err, PermissionJobs)
		_, err = searchOnce(context.Background(), client)
		require.NoError(t, err)
		_, err = client.Jobs(context.Background())
		require.ErrorContains(t, err, PermissionJobs)
		require.Len(t, cloud.at, 2)
	})
}

// Requests that waited for their start when the rejection came are not sent, and what they had taken of the budget is given back.
func TestWaitersAreNotSentAfterARejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(ratelimit.Config{})
		client, cloud := scripted(t, Config{Limiter: g}, step{status: 401, takes: time.Second})
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				_, err := searchOnce(context.Background(), client)
				var failed *Error
				require.ErrorAs(t, err, &failed)
				require.Equal(t, KindKey, failed.Kind)
			})
		}
		asking.Wait()
		require.Len(t, cloud.at, 3)
		require.Equal(t, 3, g.Status(ratelimit.Viewer{Accepted: true}).Budget.Used)
		require.EqualValues(t, 3, g.Status(ratelimit.Viewer{Accepted: true}).Calls)
		require.Zero(t, g.Status(ratelimit.Viewer{Accepted: true}).InFlight)
	})
}

func TestOneRequestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{}, step{status: 401}, step{status: 200, body: goodPage, takes: time.Second})
		_, err := searchOnce(context.Background(), client)
		require.Error(t, err)
		time.Sleep(61 * time.Second)
		answers := make(chan error, 20)
		for range 20 {
			go func() {
				_, err := searchOnce(context.Background(), client)
				answers <- err
			}()
		}
		good := 0
		for range 20 {
			if err := <-answers; err == nil {
				good++
			}
		}
		require.Equal(t, 1, good)
		require.Len(t, cloud.at, 2)
		_, err = searchOnce(context.Background(), client)
		require.NoError(t, err)
	})
}

func TestALimitHoldsForAllOnceItsKeyIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(ratelimit.Config{})
		defer g.SetLimit(nil, 600)()
		wrong, _ := scripted(t, Config{Limiter: g, RequestsPerFiveMinutes: 2}, failed)
		_, err := searchOnce(context.Background(), wrong)
		require.Error(t, err)
		require.Equal(t, 600, g.Budget().Limit)
		_, err = searchOnce(context.Background(), wrong)
		require.ErrorContains(t, err, "requestsPerFiveMinutes", "it keeps to its own limit")
		wrong.Close()

		right, _ := scripted(t, Config{Limiter: g, RequestsPerFiveMinutes: 50}, fine)
		require.False(t, right.Accepted())
		before := time.Now()
		_, err = searchOnce(context.Background(), right)
		require.NoError(t, err)
		require.Equal(t, before, right.AcceptedAt())
		require.Equal(t, 50, g.Budget().Limit)
		right.Close()
		right.Close()
		require.Equal(t, 600, g.Budget().Limit)
		_, err = searchOnce(context.Background(), right)
		require.NoError(t, err)
		require.Equal(t, 600, g.Budget().Limit, "a closed client has no say")
	})
}

func TestWhatAcceptsAKey(t *testing.T) {
	for name, c := range map[string]struct {
		step step
		want bool
	}{
		"an answer":           {fine, true},
		"an empty answer":     {step{status: 204}, false},
		"another page":        {step{status: 200, body: "<html>"}, false},
		"another JSON object": {step{status: 200, body: `{"ok":true}`}, false},
		"a bad query":         {step{status: 400, body: "{}"}, false},
		"a rejection":         {step{status: 401}, false},
		"a failure":           {step{status: 500}, false},
		"a broken connection": {step{err: errors.New("reset")}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := scripted(t, Config{}, c.step)
			_, _ = searchOnce(context.Background(), client)
			require.Equal(t, c.want, client.Accepted(), name)
		})
	}
}

func TestVerifyIsSharedAndOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{}, step{status: 200, body: goodPage, takes: 2 * time.Second})
		impatient, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var asking sync.WaitGroup
		for i := range 20 {
			asking.Go(func() {
				ctx := context.Background()
				if i == 0 {
					ctx = impatient
				} else {
					time.Sleep(time.Millisecond)
				}
				err := client.Verify(ctx)
				require.Equal(t, i == 0, err != nil, fmt.Sprint(i, err))
			})
		}
		asking.Wait()
		require.Len(t, cloud.at, 1)
	})
}

// Whatever keeps a client from being answered, it leaves the host's budget to the others.
func TestAClientThatIsNotAnsweredUsesUpLittle(t *testing.T) {
	for name, s := range map[string]step{
		"an untrusted certificate": {err: x509.UnknownAuthorityError{}},
		"a refused connection":     {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		"a name that is not found": {err: &net.DNSError{Name: "cbc.example", IsNotFound: true}},
		"a server that fails":      {status: 500},
		"no answer in time":        {takes: time.Hour},
		"a reset":                  {err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := ratelimit.New(ratelimit.Config{})
			client, _ := scripted(t, Config{Limiter: g, RequestsPerFiveMinutes: 1_000_000}, s)
			for range 1000 {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				_, err := searchOnce(ctx, client)
				require.Error(t, err, name)
				cancel()
			}
			require.LessOrEqual(t, g.Budget().Used, 10+100/5+1, name)
		})
	}
}

// After an outage a client that has never been answered goes on within seconds.
func TestAnUnprovedClientRecoversSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := make([]step, 12)
		for i := range steps {
			steps[i] = failed
		}
		client, _ := scripted(t, Config{Limiter: ratelimit.New(ratelimit.Config{}), RequestsPerFiveMinutes: 600}, append(steps, fine)...)
		for range 4 {
			_, err := searchOnce(context.Background(), client)
			require.Error(t, err)
		}
		for range 4 {
			time.Sleep(5 * time.Second)
			if _, err := searchOnce(context.Background(), client); err == nil {
				return
			}
		}
		require.Fail(t, "it does not recover")
	})
}

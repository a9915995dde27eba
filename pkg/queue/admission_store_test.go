package queue

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// storeNamed is a new store under a name.
func storeNamed(name string, shared bool) StoreSettings {
	return StoreSettings{Name: name, Shared: shared, Open: func(cbc.APIKey) (store.Store, error) { return store.NewMemory(store.MemoryConfig{}), nil }}
}

func (s *shop) openIn(t testing.TB, owner, secret string, in StoreSettings) (*Queue, *holder) {
	c, h := s.configure(t, owner, secret, in)
	q, err := s.readers.Open(c)
	require.NoError(t, err)
	return q, h
}

// A wrong secret that comes first, with another store, must give way as it does with the same store.
func TestAWrongSecretGivesWayWhateverItsStore(t *testing.T) {
	for _, stores := range [][2]StoreSettings{{storeNamed("memory", false), storeNamed("postgres x", true)}, {storeNamed("postgres evil", true), storeNamed("memory", false)}} {
		inShop(t, func(t *testing.T, s *shop) {
			s.happen(2)
			stranger, _ := s.openIn(t, "2/stranger", "wrong", stores[0])
			defer stranger.Close()
			require.True(t, rejected(stranger.Touch(context.Background())))
			first, _ := s.openIn(t, "1/first", "right", stores[1])
			defer first.Close()
			time.Sleep(time.Hour)
			require.NoError(t, first.Touch(context.Background()))
			s.see(t, first)
		})
	}
}

// A stranger whose own shared store "knows" its wrong secret, and whose requests do not come through.
func TestAStrangersStoreProvesNothing(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, _ := s.openIn(t, "1/first", "right", storeNamed("memory", false))
		s.see(t, first)
		again, _ := s.openIn(t, "1/first", "right", storeNamed("memory", false)) // the settings were saved: not asked yet
		defer again.Close()
		first.Close()
		stranger, h := s.openIn(t, "2/stranger", "wrong", storeNamed("postgres evil", true))
		defer stranger.Close()
		h.broken.Store(true)
		require.Error(t, stranger.Touch(context.Background()))
		err := again.Touch(context.Background())
		require.NoError(t, err)
		s.see(t, again)
	})
}

// The same, while a batch that was read waits for the store.
func TestAStrangersStoreInheritsNothing(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		f := &fragile{Store: store.NewMemory(store.MemoryConfig{})}
		right := StoreSettings{Name: "postgres right", Shared: true, Open: func(cbc.APIKey) (store.Store, error) { return f, nil }}
		first, h := s.openIn(t, "1/first", "right", right)
		s.see(t, first)
		s.happen(3)
		time.Sleep(time.Hour)
		h.source.(breaker).breakAfterRead(f)
		require.Error(t, first.Touch(context.Background()))
		again, _ := s.openIn(t, "1/first", "right", right)
		defer again.Close()
		first.Close()
		stranger, sh := s.openIn(t, "2/stranger", "wrong", storeNamed("postgres evil", true))
		defer stranger.Close()
		sh.broken.Store(true)
		time.Sleep(time.Hour)
		require.Error(t, stranger.Touch(context.Background()))
		time.Sleep(time.Hour)
		_ = stranger.Touch(context.Background())
		got := []string{}
		_ = stranger.Range(context.Background(), all(), cbc.OldestFirst, func(e []store.Entry) bool { got = append(got, rowIDs(e)...); return true })
		require.Empty(t, got, "a stranger sees the key's events")
	})
}

// A secret that is rotated back: the one in between is shut.
func TestASecretIsRotatedBack(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		a, _ := s.open(t, "a", "right")
		defer a.Close()
		s.see(t, a)
		b, _ := s.open(t, "b", "renewed")
		defer b.Close()
		s.lock.set("renewed", nil)
		s.see(t, b)
		shut(t, a, nil)
		s.lock.set("right", nil)
		a2, _ := s.open(t, "a", "right")
		defer a2.Close()
		s.see(t, a2)
		shut(t, b, nil)
		s.see(t, a2)
	})
}

// throttled is a source that refuses every read.
type throttled struct{ Source }

func (throttled) Queue(context.Context) (cbc.Batch, error) {
	return cbc.Batch{}, &cbc.Error{Kind: cbc.KindThrottled, Message: "throttled"}
}

// What a read with other settings failed with is not shown to a data source whose settings came into force.
func TestAStrangersErrorIsNotShown(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		s.happen(2)
		c, _ := s.configure(t, "2/stranger", "wrong", storeNamed("memory", false))
		c.Source = throttled{c.Source}
		stranger, err := s.readers.Open(c)
		require.NoError(t, err)
		defer stranger.Close()
		require.Error(t, stranger.Touch(context.Background()))
		time.Sleep(time.Second)
		first, _ := s.openIn(t, "1/first", "right", storeNamed("memory", false))
		defer first.Close()
		require.NoError(t, first.Touch(context.Background()))
	})
}

package export

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// FuzzOpenID makes sure that no id opens unless this owner signed it, and that signed ones are read within their bounds.
func FuzzOpenID(f *testing.F) {
	s := New(Config{Secret: []byte("secret"), Owner: Owner{DataSource: DataSource{UID: "a"}}})
	other := New(Config{Secret: []byte("secret"), Owner: Owner{DataSource: DataSource{UID: "b"}}})
	for _, t := range []token{{Job: "4805565"}, {Nonce: []byte("12345678"), Filter: &auditlog.Filter{Query: "a"}, From: 1, To: 2}, {Job: "../x"}} {
		id, err := s.seal(t)
		require.NoError(f, err)
		f.Add(id)
	}
	for _, seed := range []string{"", "a", "====", "../../etc", "%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if opened, err := s.open(text); err == nil {
			require.True(t, opened.Job == "" || cbc.ValidJobID(opened.Job))
			_, err = other.open(text)
			require.ErrorIs(t, err, errNoExport, "the id of one data source opens at another")
		}
		// The text as a signed content, which only who has the secret can make.
		id := base64.RawURLEncoding.EncodeToString(append(s.sign([]byte(text)), text...))
		if opened, err := s.open(id); err == nil {
			require.True(t, opened.Job == "" || cbc.ValidJobID(opened.Job))
			_ = opened.name() + opened.created().String()
		} else {
			require.ErrorIs(t, err, errNoExport)
		}
	})
}

// FuzzClock makes sure that the quick way to read the times of rows finds what the thorough way finds.
func FuzzClock(f *testing.F) {
	f.Add("2024-04-17T19:18:37.480Z", "2024-04-17T19:59:59Z")
	f.Add("2024-04-17T19:18:37.480999999Z", "2024-04-17T19:60:00Z")
	f.Add("2024-04-17T24:00:00Z", "2024-04-17T24:00:01Z")
	f.Add("0000-01-01T00:00:00Z", "20240417T191837Z")
	f.Fuzz(func(t *testing.T, first, second string) {
		var r clockReader
		for _, text := range []string{first, second, first} {
			ms, ok := r.read(text)
			want, err := auditlog.ParseTime(text)
			require.Equal(t, err == nil, ok, text)
			if ok {
				require.Equal(t, want.UnixMilli(), ms, text)
			}
		}
	})
}

package export

import (
	"bytes"
	"compress/flate"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// token holds everything that is needed to continue an export after a restart. It is the content of the export's ID.
type token struct {
	Job      string           `json:"j,omitempty"` // "" for an export that is made by searches
	Query    json.RawMessage  `json:"q,omitempty"` // as it was sent
	Filter   *auditlog.Filter `json:"l,omitempty"` // nil for a job with an unknown query
	From     int64            `json:"f,omitempty"`
	To       int64            `json:"t,omitempty"`
	Format   cbc.ExportFormat `json:"o,omitempty"`
	Who      string           `json:"w,omitempty"`
	Created  int64            `json:"c,omitempty"` // milliseconds
	Expected expectedCounts   `json:"n,omitzero"`
	Reason   string           `json:"r,omitempty"` // why it is made by searches
	Nonce    []byte           `json:"x,omitempty"` // distinguishes exports by searches
}

// known reports whether the query of the export is known.
func (t token) known() bool { return t.Filter != nil }

func (t token) timeRange() auditlog.TimeRange { return auditlog.TimeRange{From: t.From, To: t.To} }

func (t token) created() time.Time { return time.UnixMilli(t.Created).UTC() }

// name returns the name by which the export is remembered: every id of a job means the same export.
func (t token) name() string {
	if t.Job != "" {
		return "job " + t.Job
	}
	return "search " + string(t.Nonce)
}

const (
	// maxID bounds an id, which is part of URLs: some servers refuse URLs over 8 KB.
	maxID = 4096
	// spareID is what an id grows by at most between the check before a start and its end.
	spareID = 1024
	// maxToken bounds the JSON of a token.
	maxToken = 256 << 10
	// signatureBytes is the length of the signature.
	signatureBytes = 16
)

// The first byte behind the signature says how the token is written.
const (
	plainToken  = 'p' // JSON
	packedToken = 'z' // JSON, deflated
	// minPacked is the length from which on a token is packed. Most of the time goes into packing, and the list has many short ones.
	minPacked = 512
)

// seal returns the id of a token: signed, so that nobody can make one up, and the same for the same token.
func (s *Service) seal(t token) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	body := append([]byte{plainToken}, plain...)
	if len(plain) >= minPacked {
		if body, err = pack(plain); err != nil {
			return "", err
		}
	}
	id := base64.RawURLEncoding.EncodeToString(append(s.sign(body), body...))
	if len(id) > maxID || len(plain) > maxToken {
		return "", errTooLong
	}
	return id, nil
}

func pack(plain []byte) ([]byte, error) {
	packed := bytes.NewBuffer([]byte{packedToken})
	w, err := flate.NewWriter(packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

// open returns the token of an id. An id that another owner has signed is none.
func (s *Service) open(id string) (token, error) {
	if len(id) > maxID {
		return token{}, errNoExport
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) <= signatureBytes || !hmac.Equal(raw[:signatureBytes], s.sign(raw[signatureBytes:])) {
		return token{}, errNoExport
	}
	var t token
	plain, err := unpack(raw[signatureBytes:])
	if err != nil || json.Unmarshal(plain, &t) != nil || (t.Job != "" && !cbc.ValidJobID(t.Job)) {
		return token{}, errNoExport
	}
	return t, nil
}

func unpack(body []byte) ([]byte, error) {
	if body[0] == plainToken {
		return body[1:], nil
	}
	return io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body[1:])), maxToken))
}

func (s *Service) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, s.signingKey)
	mac.Write(body)
	return mac.Sum(nil)[:signatureBytes]
}

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

// ticket is everything that is needed to go on with an export. It travels in the export's id.
type ticket struct {
	Job     string           `json:"j,omitempty"` // "" for an export that is made by searches
	Query   json.RawMessage  `json:"q,omitempty"` // as it was sent
	Filter  *auditlog.Filter `json:"l,omitempty"` // nil for a job of which nothing else is known
	From    int64            `json:"f,omitempty"`
	To      int64            `json:"t,omitempty"`
	Format  cbc.ExportFormat `json:"o,omitempty"`
	Who     string           `json:"w,omitempty"`
	Created int64            `json:"c,omitempty"` // milliseconds
	Census  census           `json:"n,omitzero"`
	Reason  string           `json:"r,omitempty"` // why it is made by searches
	Nonce   []byte           `json:"x,omitempty"` // tells two exports by searches apart
}

// known tells whether it is known what the export is of.
func (t ticket) known() bool { return t.Filter != nil }

func (t ticket) window() auditlog.TimeRange { return auditlog.TimeRange{From: t.From, To: t.To} }

func (t ticket) created() time.Time { return time.UnixMilli(t.Created).UTC() }

// name is what the export is remembered by: every id of a job means the same export.
func (t ticket) name() string {
	if t.Job != "" {
		return "job " + t.Job
	}
	return "search " + string(t.Nonce)
}

const (
	// mostID bounds an id, which becomes part of an address: some servers refuse those over 8 KB.
	mostID = 4096
	// spare is what an id grows by at most between the start's check and its end.
	spare = 1024
	// mostTicket bounds what an id unpacks to.
	mostTicket = 256 << 10
	// sealBytes is the length of the signature.
	sealBytes = 16
)

// seal makes an id of a ticket: signed, so that nobody can make one up, and the same for the same ticket.
func (s *Service) seal(t ticket) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	id := base64.RawURLEncoding.EncodeToString(append(s.sign(packed.Bytes()), packed.Bytes()...))
	if len(id) > mostID || len(plain) > mostTicket {
		return "", errTooLong
	}
	return id, nil
}

// open reads an id. Whatever is not one of this data source's key and organization is no id.
func (s *Service) open(id string) (ticket, error) {
	var t ticket
	if len(id) > mostID {
		return t, errNoExport
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) <= sealBytes || !hmac.Equal(raw[:sealBytes], s.sign(raw[sealBytes:])) {
		return t, errNoExport
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw[sealBytes:])), mostTicket))
	if err != nil || json.Unmarshal(plain, &t) != nil || (t.Job != "" && !cbc.ValidJobID(t.Job)) {
		return t, errNoExport
	}
	return t, nil
}

// sign is a signature by a key that is made of the secret for this purpose alone.
func (s *Service) sign(packed []byte) []byte {
	key := hmac.New(sha256.New, s.config.Secret)
	key.Write([]byte("export id of " + s.config.OrgKey))
	mac := hmac.New(sha256.New, key.Sum(nil))
	mac.Write(packed)
	return mac.Sum(nil)[:sealBytes]
}

package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// DataSource identifies a data source of Grafana. A UID is unique within its organization only.
type DataSource struct {
	OrgID int64
	UID   string
}

// Owner is what exports belong to: a data source, its API key and its secret. Data sources that differ in any part share nothing.
type Owner struct {
	cbc.Identity
	DataSource
}

// signingKey returns the key that signs the IDs of an owner's exports. It is derived from the secret, so only a holder of the secret can
// make IDs. It is also derived from every other part of the owner, so an ID of one owner is invalid for all others. Each part is written
// with its length, so different owners always give different keys.
func signingKey(secret []byte, o Owner) []byte {
	mac := hmac.New(sha256.New, secret)
	write := func(part []byte) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	write([]byte("carbonblack-auditlog export id 2"))
	write([]byte(o.URL))
	write([]byte(o.OrgKey))
	write([]byte(o.APIID))
	write(binary.BigEndian.AppendUint64(nil, uint64(o.OrgID)))
	write([]byte(o.UID))
	return mac.Sum(nil)
}

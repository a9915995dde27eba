package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// DataSource names a data source of Grafana: a UID is unique within its organization only.
type DataSource struct {
	OrgID int64
	UID   string
}

// Owner is what exports belong to: a data source with the API key and the secret that it was set up with. Data sources that differ
// in any part of it share nothing.
type Owner struct {
	cbc.Identity
	DataSource
}

// signingKey returns the key that signs the ids of an owner's exports. It is derived from the secret, so only who has the secret
// can make ids, and from every other part of the owner, so that an id of one owner is none of another. The length in front of each
// part keeps two owners from being written alike.
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

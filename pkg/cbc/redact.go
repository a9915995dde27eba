package cbc

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	// redacted replaces a secret in an error.
	redacted = "[secret]"
	// minSecret is the length below which a value is not treated as a secret: replacing every "1" would make errors unreadable.
	minSecret = 4
	// maxQuote bounds how much of a received text an error quotes.
	maxQuote = 500
)

// newRedactor returns a replacer that removes secrets from a string, also where they are escaped or encoded.
func newRedactor(secrets []string) *strings.Replacer {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, spellings(secret)...)
	}
	// The longest form comes first, so that no part of it is left.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, redacted)
	}
	return strings.NewReplacer(pairs...)
}

// spellings returns the forms in which a server may send a secret back.
func spellings(secret string) []string {
	if secret = strings.TrimSpace(secret); len(secret) < minSecret {
		return nil
	}
	quoted, err := json.Marshal(secret)
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	if err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
	}
	return forms
}

// redact removes the secrets from a received text and truncates it.
func (c *Client) redact(s string) string { return truncate(c.secrets.Load().Replace(s), maxQuote) }

// truncate cuts a string to n bytes and marks the cut.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// redactReasons removes the secrets from the descriptions of bad records.
func (c *Client) redactReasons(bad []BadRecord) {
	for i := range bad {
		bad[i].Reason = c.redact(bad[i].Reason)
	}
}

package auditlog

import "strings"

// luceneSpecial are the characters that mean something in a Lucene text outside quotes.
const luceneSpecial = `+-&|!(){}[]^"~*?:\/`

// EscapeLucene makes a value safe as one term of a Lucene text. It is for values only: a text that a user wrote in Lucene
// is sent as it is. A value with white space, an empty value and a bare operator word become a quoted phrase.
func EscapeLucene(value string) string {
	if value == "" || value == "AND" || value == "OR" || value == "NOT" || value == "TO" || strings.ContainsAny(value, " \t\r\n\f\v\u00a0\u3000") {
		return QuoteLucene(value)
	}
	var b strings.Builder
	for _, r := range value {
		if strings.ContainsRune(luceneSpecial, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// QuoteLucene makes a value a quoted phrase, in which only quotes and backslashes are special.
func QuoteLucene(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

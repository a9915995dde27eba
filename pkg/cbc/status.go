package cbc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// answerError explains an answer of status 2xx that could not be read.
func (c *Client) answerError(ctx context.Context, body *boundedReader, resp *http.Response, err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		known.Status = resp.StatusCode
		known.Message = c.redact(known.Message)
		return known
	case body.over:
		return &Error{Kind: KindTooLarge, Status: resp.StatusCode, Message: fmt.Sprintf("over %d bytes", c.config.MaxResponseBytes), err: err}
	case ctx.Err() != nil:
		return c.transportError(ctx, ctx.Err())
	case isTimeout(body.err):
		return &Error{Kind: KindTimeout, Status: resp.StatusCode, err: err}
	case body.err != nil:
		return &Error{Kind: KindAnswer, Status: resp.StatusCode, Message: fmt.Sprintf("it broke off after %d bytes", body.read), transient: true, err: err}
	case errors.Is(err, errNotJSON):
		message := "it answered " + c.mediaType(resp) + " where a JSON object was expected"
		return &Error{Kind: KindHost, Status: resp.StatusCode, Message: message, Intermediary: true, err: err}
	}
	broken := errors.Is(err, io.ErrUnexpectedEOF)
	return &Error{Kind: KindAnswer, Status: resp.StatusCode, Message: c.redact(err.Error()), transient: broken, err: err}
}

// maxErrorBytes bounds how much of an error's body is read.
const maxErrorBytes = 64 << 10

// errorBody is the union of the shapes in which the vendor's APIs describe an error.
type errorBody struct {
	Code         string `json:"error_code"`
	Message      string `json:"message"`
	Reason       string `json:"reason"`
	ErrorMessage string `json:"errorMessage"`
	OAuthError   string `json:"error"` // of a token service
	OAuthDetail  string `json:"error_description"`
}

// statusError explains an answer that is not a success. The body may be anything: JSON, an HTML page or nothing. Only an answer
// that the vendor's API can have sent is a verdict on the key, the org key or the query.
func (c *Client) statusError(r request, resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // what could be read is enough: the status is known
	var body errorBody
	_ = json.Unmarshal(raw, &body) // a member of another type leaves the others readable
	e := &Error{oauth: c.tokens != nil, Status: resp.StatusCode, Code: c.redact(body.Code), Intermediary: !isVendors(resp, raw)}
	e.Message = c.redact(firstOf(body.Message, body.ErrorMessage, body.Reason, body.OAuthDetail, body.OAuthError))
	e.classify(r, body, len(raw) > 0)
	now := c.config.Now()
	wait := retryAfter(resp.Header.Get("Retry-After"), serverTime(resp, now))
	if e.Status == http.StatusTooManyRequests || wait > 0 {
		e.Kind, e.Permission, e.transient, e.RetryAfter = KindThrottled, "", false, wait
	}
	if wait > 0 {
		e.ResumesAt = now.Add(wait + ratelimit.Margin)
	}
	if e.Kind == KindQuery && body.Reason != "" && body.Reason != body.Message {
		e.add(c.redact(body.Reason))
	}
	if e.Status >= 300 && e.Status < 400 {
		e.Message = "it redirects elsewhere"
	}
	if e.Intermediary && e.Status >= 400 {
		e.add("it answered " + c.mediaType(resp) + c.title(raw))
	}
	return e
}

// add appends to the message.
func (e *Error) add(text string) {
	if text != e.Message {
		e.Message = strings.TrimPrefix(e.Message+", "+text, ", ")
	}
}

// classify finds the kind by status and sender.
func (e *Error) classify(r request, body errorBody, hasBody bool) {
	said := strings.ToLower(body.Message + " " + body.ErrorMessage + " " + body.Code)
	switch status := e.Status; {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500 && status != http.StatusNetworkAuthenticationRequired:
		e.Kind, e.transient = KindServer, true
	case status == http.StatusProxyAuthRequired, status == http.StatusNetworkAuthenticationRequired:
		e.Kind, e.Intermediary = KindHost, true
	case e.Intermediary:
		e.Kind = KindHost
	case r.issuesToken && (status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden):
		e.Kind = KindKey // OAuth answers 400 to a client that it does not know
	case status == http.StatusUnauthorized:
		e.Kind = KindKey
		if strings.Contains(said, "org key") || strings.Contains(said, "org_key") || strings.Contains(said, "orgkey") {
			e.Kind = KindOrgKey
		}
	case status == http.StatusForbidden:
		e.Kind, e.Permission = KindPermission, r.permission
	case status == http.StatusNotFound && strings.Contains(said, "org"):
		e.Kind = KindOrgKey
	case status == http.StatusBadRequest && hasBody:
		e.Kind = KindQuery
	default:
		e.Kind = KindHost
	}
}

// isVendors reports whether an error can be the vendor's: a JSON object, or nothing at all, as its bodies are not all documented.
func isVendors(resp *http.Response, body []byte) bool {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return !strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "html")
	}
	return body[0] == '{' && (len(body) >= maxErrorBytes || json.Valid(body))
}

// retryAfter reads the header in both of its forms, a number of seconds and a date. 0 means that it is absent or unreadable, and
// no wait is longer than maxRetryAfter.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseFloat(header, 64); err == nil && seconds > 0 && !math.IsInf(seconds, 1) { // not so for NaN
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// serverTime is the time by the clock that a date of Retry-After comes from, if that clock is behind ours: then the wait is longer.
func serverTime(resp *http.Response, now time.Time) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && date.Before(now) {
		return date
	}
	return now
}

// maxRetryAfter is the longest wait that is believed. After it one request probes, and the next answer may ask for another wait: a
// mistake of a gateway must not silence a host for a year.
const maxRetryAfter = time.Hour

func (c *Client) mediaType(resp *http.Response) string {
	if t, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); t != "" {
		return c.redact(t)
	}
	return "something"
}

var titles = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// maxTitle bounds how much of a title is quoted.
const maxTitle = 80

// title quotes the title of an HTML page, which often names the product that answered.
func (c *Client) title(page []byte) string {
	found := titles.FindSubmatch(page)
	if found == nil {
		return ""
	}
	words := strings.Join(strings.Fields(c.redact(html.UnescapeString(string(found[1])))), " ")
	if words == "" {
		return ""
	}
	return fmt.Sprintf(" %q", truncate(words, maxTitle))
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

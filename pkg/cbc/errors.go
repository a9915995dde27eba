package cbc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kind says which part is wrong, so that a reader knows what to mend.
type Kind string

// The kinds of failure.
const (
	KindHost       Kind = "host"       // nobody answers at the URL, or somebody who is not Carbon Black Cloud
	KindOrgKey     Kind = "org key"    // the organization is unknown to the host, or not the key's
	KindKey        Kind = "API key"    // API ID or API secret are not accepted
	KindPermission Kind = "permission" // the key may not do this
	KindQuery      Kind = "query"      // the question is malformed
	KindThrottled  Kind = "rate limit" // too many requests; nothing may be sent until RetryAfter has passed
	KindTooLarge   Kind = "size"       // the answer is over the bound
	KindAnswer     Kind = "answer"     // an answer came that is broken or not understood
	KindServer     Kind = "server"     // Carbon Black Cloud failed
	KindTimeout    Kind = "timeout"    // no answer in time
	KindCanceled   Kind = "canceled"   // the asker has gone
)

// Permissions that an API key of access level type Custom needs.
const (
	PermissionAudits = "org.audits READ"
	PermissionJobs   = "jobs.status READ"
)

// Error is a request that failed. Its text says what is wrong and what to do, and never holds the API secret.
type Error struct {
	Kind       Kind
	Status     int           // HTTP status, 0 when there was no answer
	Code       string        // the vendor's error_code, if any
	Message    string        // what happened, in the vendor's words where there are some
	Permission string        // for KindPermission: the missing one
	RetryAfter time.Duration // for KindThrottled: how long to wait; 0 when nobody knows
	ResumesAt  time.Time     // for KindThrottled: when requests start again; zero when nobody knows
	// AskedAgainAt is set when this is an earlier answer that is remembered: nothing was sent, and nothing is until then.
	AskedAgainAt time.Time
	paced        bool // for KindThrottled: by the governor's own limit, and not by an answer
	Lost         bool // of a queue read: its batch may have left the queue and is not here
	transient    bool // the same request may well be answered a moment later
	err          error
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.advice())
	var facts []string
	if e.Status != 0 {
		facts = append(facts, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.Code != "" {
		facts = append(facts, e.Code)
	}
	if e.Message != "" {
		facts = append(facts, e.Message)
	}
	if !e.AskedAgainAt.IsZero() {
		facts = append(facts, "not asked again before "+e.AskedAgainAt.UTC().Format("15:04:05 UTC")+", unless the settings are saved")
	}
	if len(facts) > 0 {
		b.WriteString(" (" + strings.Join(facts, ", ") + ")")
	}
	return b.String()
}

// advice is the part of the text that says which part is wrong and what to do.
func (e *Error) advice() string {
	switch e.Kind {
	case KindHost:
		return "the host does not answer as Carbon Black Cloud: check the URL, it must be the address of the console"
	case KindOrgKey:
		return "the org key is not accepted: check it in the console under Settings > API Access"
	case KindKey:
		return "the API key is not accepted: check the API ID and the API secret, and that the key belongs to this org key and host"
	case KindPermission:
		return fmt.Sprintf("the API key lacks the permission %s: give it an access level of type Custom that has it", e.Permission)
	case KindQuery:
		return "Carbon Black Cloud does not accept the query: check the Lucene text"
	case KindThrottled:
		if e.paced {
			return fmt.Sprintf("the requests that may be sent to this host are used up (requestsPerFiveMinutes in the settings): wait %s%s", e.wait(), e.resumption())
		}
		if e.RetryAfter > 0 {
			return fmt.Sprintf("Carbon Black Cloud limits the number of requests: wait %s%s", e.wait(), e.resumption())
		}
		return "Carbon Black Cloud limits the number of requests: wait a while"
	case KindTooLarge:
		return "the answer is too large: ask for a shorter time range"
	case KindAnswer:
		return "the answer of Carbon Black Cloud is broken or not understood"
	case KindServer:
		return "Carbon Black Cloud failed: try again later"
	case KindTimeout:
		return "Carbon Black Cloud did not answer in time: try a shorter time range or raise the timeout in the settings"
	case KindCanceled:
		return "the request was canceled"
	}
	return string(e.Kind)
}

// wait is how long to wait, at least a second.
func (e *Error) wait() time.Duration { return max(e.RetryAfter.Round(time.Second), time.Second) }

// resumption says when requests start again, by the day too when that is not soon.
func (e *Error) resumption() string {
	if e.ResumesAt.IsZero() {
		return ""
	}
	layout := "15:04:05 UTC"
	if e.RetryAfter > 12*time.Hour {
		layout = "2006-01-02 15:04:05 UTC"
	}
	return ", resumes at " + e.ResumesAt.UTC().Add(time.Second-1).Format(layout)
}

// transportError explains a request that got no answer.
func (c *Client) transportError(ctx context.Context, err error) error {
	e := &Error{Kind: KindHost, Message: c.redact(innermost(err)), err: err}
	var dns *net.DNSError
	var unknownAuthority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind = KindCanceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded), isTimeout(err):
		e.Kind = KindTimeout
	case errors.As(err, &dns):
		e.Message = "the name " + dns.Name + " is not found"
	case errors.As(err, &unknownAuthority), errors.As(err, &hostname), errors.As(err, &certificate):
		e.Message = "its TLS certificate is not trusted: " + e.Message
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.Kind, e.Message, e.transient = KindServer, "the connection was closed before an answer came", true
	case errors.Is(err, syscall.ECONNREFUSED):
		e.transient = true
	}
	return e
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

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
		return &Error{Kind: KindHost, Status: resp.StatusCode, Message: "it answered " + c.mediaType(resp) + " where a JSON object was expected", err: err}
	}
	broken := errors.Is(err, io.ErrUnexpectedEOF)
	return &Error{Kind: KindAnswer, Status: resp.StatusCode, Message: c.redact(err.Error()), transient: broken, err: err}
}

// maxErrorBytes bounds how much of an error's body is read.
const maxErrorBytes = 64 << 10

// errorBody is the union of the shapes in which the vendor's APIs tell an error.
type errorBody struct {
	Code         string `json:"error_code"`
	Message      string `json:"message"`
	Reason       string `json:"reason"`
	ErrorMessage string `json:"errorMessage"`
}

// statusError explains an answer that is not a success. The body may be anything: JSON, an HTML page or nothing.
func (c *Client) statusError(r request, resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // what could be read is enough: the status is known
	var body errorBody
	_ = json.Unmarshal(raw, &body) // a member of another type leaves the others readable
	isJSON := json.Valid(raw)
	e := &Error{Status: resp.StatusCode, Code: c.redact(body.Code)}
	e.Message = c.redact(firstOf(body.Message, body.ErrorMessage, body.Reason))
	said := strings.ToLower(body.Message + " " + body.ErrorMessage + " " + body.Code)
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		e.Kind = KindKey
		if strings.Contains(said, "org key") || strings.Contains(said, "org_key") || strings.Contains(said, "orgkey") {
			e.Kind = KindOrgKey
		}
	case resp.StatusCode == http.StatusForbidden:
		e.Kind, e.Permission = KindPermission, r.permission
	case resp.StatusCode == http.StatusTooManyRequests:
		now := c.config.Now()
		e.Kind, e.RetryAfter = KindThrottled, retryAfter(resp.Header.Get("Retry-After"), serverTime(resp, now))
		if e.RetryAfter > 0 {
			e.ResumesAt = now.Add(e.RetryAfter + safety)
		}
	case resp.StatusCode == http.StatusNotFound:
		e.Kind = KindHost
		if isJSON && strings.Contains(said, "org") {
			e.Kind = KindOrgKey
		}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Kind, e.Message = KindHost, "it redirects elsewhere"
	case resp.StatusCode == http.StatusBadRequest && isJSON:
		e.Kind = KindQuery
		if body.Reason != "" && body.Reason != e.Message {
			e.Message = strings.TrimPrefix(e.Message+", "+c.redact(body.Reason), ", ")
		}
	case resp.StatusCode >= 500:
		e.Kind, e.transient = KindServer, true
	default:
		e.Kind = KindHost
	}
	if !isJSON && len(raw) > 0 {
		e.Message = strings.TrimPrefix(e.Message+", it answered "+c.mediaType(resp), ", ")
	}
	return e
}

// retryAfter reads the header in both of its forms, a number of seconds and a date. 0 means that it is absent or unreadable.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseFloat(header, 64); err == nil {
		if seconds > 0 && seconds <= mostRetryAfter.Seconds() { // not so for NaN
			return time.Duration(seconds * float64(time.Second))
		}
		return 0
	}
	if at, err := http.ParseTime(header); err == nil && at.Sub(now) <= mostRetryAfter {
		return max(at.Sub(now), 0)
	}
	return 0
}

// serverTime is what the time is where a date of Retry-After comes from, if its clock is behind ours: then the wait is longer.
func serverTime(resp *http.Response, now time.Time) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && date.Before(now) {
		return date
	}
	return now
}

// mostRetryAfter is the longest wait that is believed.
const mostRetryAfter = 365 * 24 * time.Hour

// redact takes the secret out of a text that may have come from outside.
func (c *Client) redact(s string) string {
	if c.config.APISecret != "" {
		s = strings.ReplaceAll(s, c.config.APISecret, "[secret]")
	}
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}

// innermost leaves out the request's address, which url.Error puts in front.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

func (c *Client) mediaType(resp *http.Response) string {
	if t, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); t != "" {
		return c.redact(t)
	}
	return "something"
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

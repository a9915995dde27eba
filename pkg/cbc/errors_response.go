package cbc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// responseError describes a response of status 2xx that could not be read.
func (c *Client) responseError(ctx context.Context, body *boundedReader, resp *http.Response, err error) error {
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
		return &Error{Kind: KindAnswer, Status: resp.StatusCode, Message: fmt.Sprintf("it was interrupted after %d bytes", body.read), transient: true, err: err}
	case errors.Is(err, errNotJSON):
		message := "it returned " + c.mediaType(resp) + " instead of a JSON object"
		return &Error{Kind: KindHost, Status: resp.StatusCode, Message: message, Intermediary: true, err: err}
	}
	broken := errors.Is(err, io.ErrUnexpectedEOF)
	return &Error{Kind: KindAnswer, Status: resp.StatusCode, Message: c.redact(err.Error()), transient: broken, err: err}
}

// maxErrorBytes bounds how much of an error response is read.
const maxErrorBytes = 64 << 10

// errorBody has all members in which the vendor's APIs describe an error.
type errorBody struct {
	Code         string `json:"error_code"`
	Message      string `json:"message"`
	Reason       string `json:"reason"`
	ErrorMessage string `json:"errorMessage"`
	OAuthError   string `json:"error"` // of a token service
	OAuthDetail  string `json:"error_description"`
}

// statusError describes a response that is not a success. Its body may be JSON, an HTML page or empty. Only a response that the vendor's
// API may have sent proves anything about the credential, the org key or the query.
func (c *Client) statusError(r request, resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // a partial body is enough
	var body errorBody
	_ = json.Unmarshal(raw, &body) // the members with the right type are enough
	e := &Error{oauth: c.tokens != nil, Status: resp.StatusCode, Code: c.redact(body.Code), Intermediary: !isVendors(resp, raw)}
	e.Message = c.redact(cmp.Or(body.Message, body.ErrorMessage, body.Reason, body.OAuthDetail, body.OAuthError))
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
		e.Message = "it redirects to another address"
	}
	if e.Intermediary && e.Status >= 400 {
		e.add("it returned " + c.mediaType(resp) + c.title(raw))
	}
	return e
}

// add appends a string to the message.
func (e *Error) add(text string) {
	if text != e.Message {
		e.Message = strings.TrimPrefix(e.Message+", "+text, ", ")
	}
}

// classify sets the kind by status and sender.
func (e *Error) classify(r request, body errorBody, hasBody bool) {
	text := strings.ToLower(body.Message + " " + body.ErrorMessage + " " + body.Code)
	switch status := e.Status; {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500 && status != http.StatusNetworkAuthenticationRequired:
		e.Kind, e.transient = KindServer, true
	case status == http.StatusProxyAuthRequired, status == http.StatusNetworkAuthenticationRequired:
		e.Kind, e.Intermediary = KindHost, true
	case e.Intermediary:
		e.Kind = KindHost
	case r.issuesToken && (status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden):
		e.Kind = KindKey // OAuth services answer 400 or 401 to an unknown client
	case status == http.StatusUnauthorized:
		e.Kind = KindKey
		if strings.Contains(text, "org key") || strings.Contains(text, "org_key") || strings.Contains(text, "orgkey") {
			e.Kind = KindOrgKey
		}
	case status == http.StatusForbidden:
		e.Kind, e.Permission = KindPermission, r.permission
	case status == http.StatusNotFound && strings.Contains(text, "org"):
		e.Kind = KindOrgKey
	case status == http.StatusBadRequest && hasBody:
		e.Kind = KindQuery
	default:
		e.Kind = KindHost
	}
}

// isVendors reports whether an error response may be the vendor's: a JSON object or an empty body, as not all of them are documented.
func isVendors(resp *http.Response, body []byte) bool {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return !strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "html")
	}
	return body[0] == '{' && (len(body) >= maxErrorBytes || json.Valid(body))
}

func (c *Client) mediaType(resp *http.Response) string {
	if t, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); t != "" {
		return c.redact(t)
	}
	return "something"
}

var titles = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// maxTitle bounds how much of an HTML title is quoted.
const maxTitle = 80

// title returns the quoted title of an HTML page, which often names the product that sent it.
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

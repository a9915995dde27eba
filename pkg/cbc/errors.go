package cbc

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is the part that failed.
type Kind string

// The kinds of failure.
const (
	KindHost       Kind = "host"       // no connection to the host, or another server answered
	KindNetwork    Kind = "network"    // the connection broke
	KindOrgKey     Kind = "org key"    // the host does not know the organization, or the key belongs to another one
	KindKey        Kind = "API key"    // the API key or OAuth app is not accepted
	KindPermission Kind = "permission" // the API key or OAuth app lacks a permission
	KindQuery      Kind = "query"      // the query is malformed
	KindThrottled  Kind = "rate limit" // nothing may be sent until RetryAfter has passed
	KindTooLarge   Kind = "size"       // the response exceeds the size limit
	KindAnswer     Kind = "answer"     // the response is broken or not understood
	KindServer     Kind = "server"     // Carbon Black Cloud, or a gateway in front of it, failed
	KindTimeout    Kind = "timeout"    // no response in time
	KindCanceled   Kind = "canceled"   // the caller canceled the request
)

// The permissions that an API key of access level type Custom needs.
const (
	PermissionAudits = "org.audits READ"
	PermissionJobs   = "jobs.status READ"
)

// Error is a failed request. Its text says what is wrong and what to do, and contains no secret.
type Error struct {
	Kind       Kind
	Status     int           // HTTP status; 0 if there was no response
	Code       string        // the vendor's error_code, if any
	Message    string        // what happened, in the vendor's words if there are any
	Permission string        // for KindPermission: the missing one
	RetryAfter time.Duration // for KindThrottled: how long to wait; 0 if unknown
	ResumesAt  time.Time     // for KindThrottled: when requests may start again; zero if unknown
	// NextAttemptAt is set if this is a remembered error: nothing was sent, and nothing will be until then.
	NextAttemptAt time.Time
	// Intermediary is set if the response is not the vendor's: a proxy, a firewall or another web server sent it.
	Intermediary bool
	Lost         bool // of Queue and Export: the request may have had an effect that is lost, such as a batch of events
	paced        bool // for KindThrottled: by our own limit, not by a response
	transient    bool // the same request may succeed a moment later
	oauth        bool // the client uses an OAuth app
	tokenExpired bool // for KindKey: the access token may have expired, so a new one is tried
	tokenService bool // the token service failed, not the API
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
	if !e.NextAttemptAt.IsZero() {
		facts = append(facts, "remembered, next attempt after "+e.NextAttemptAt.UTC().Format("15:04:05 UTC")+" or when the settings are saved")
	}
	if len(facts) > 0 {
		b.WriteString(" (" + strings.Join(facts, ", ") + ")")
	}
	return b.String()
}

// advice says which part failed and what to do.
func (e *Error) advice() string {
	switch e.Kind {
	case KindHost:
		return e.hostAdvice()
	case KindNetwork:
		return "the connection to " + e.service() + " broke: try again; if it lasts, check the network, proxy and firewall in between"
	case KindOrgKey:
		return "the org key is not accepted: check it in the console under Settings > API Access"
	case KindKey:
		return e.keyAdvice()
	case KindPermission:
		if e.oauth {
			return fmt.Sprintf("the OAuth app lacks the permission %s: give it a role that includes it", e.Permission)
		}
		return fmt.Sprintf("the API key lacks the permission %s: give it an access level of type Custom that includes it", e.Permission)
	case KindQuery:
		return "Carbon Black Cloud does not accept the query: check the Lucene text"
	case KindThrottled:
		return e.waitAdvice()
	case KindTooLarge:
		return "the response is too large: choose a shorter time range"
	case KindAnswer:
		return "the response of " + e.service() + " is broken or not understood"
	case KindServer:
		if e.Intermediary {
			return e.service() + ", or a gateway in front of it, failed: try again later; if it lasts, check the proxy and firewall in between"
		}
		return e.service() + " failed: try again later"
	case KindTimeout:
		return e.service() + " did not answer in time: try a shorter time range or raise the timeout in the settings"
	case KindCanceled:
		return "the request was canceled"
	}
	return string(e.Kind)
}

// service names who answered, or should have.
func (e *Error) service() string {
	if e.tokenService {
		return "the token service of the OAuth app"
	}
	return "Carbon Black Cloud"
}

func (e *Error) keyAdvice() string {
	switch {
	case e.tokenService:
		return "the OAuth app is not accepted: check the app ID and the app secret"
	case e.oauth:
		return "the access token of the OAuth app is not accepted: check that the app belongs to this org key and host"
	}
	return "the API key is not accepted: check the API ID and the API secret, and that the key belongs to this org key and host"
}

func (e *Error) hostAdvice() string {
	switch {
	case e.Status == http.StatusProxyAuthRequired:
		return "the proxy in between requires a login: check the proxy settings and credentials of the Grafana server"
	case e.tokenService:
		return "the token service of the OAuth app cannot be reached: check the token URL, and the network, proxy and firewall in between"
	case e.Intermediary:
		return "something in between answered, not the Carbon Black Cloud API: check the URL (it must be the address of the console), " +
			"the allowed source addresses of the API key, and the proxy or firewall in between"
	case e.Status == 0:
		return "there is no connection to the host: check the URL, which must be the address of the console, and the network, proxy and firewall in between"
	}
	return "the host does not answer as Carbon Black Cloud: check the URL, which must be the address of the console"
}

func (e *Error) waitAdvice() string {
	switch {
	case e.paced:
		return fmt.Sprintf("the request budget of this host is used up (requestsPerFiveMinutes in the settings): wait %s%s", e.wait(), e.resumption())
	case e.RetryAfter > 0 && e.Status != http.StatusTooManyRequests:
		return fmt.Sprintf("%s, or a gateway in front of it, asks to wait %s%s", e.service(), e.wait(), e.resumption())
	case e.RetryAfter > 0:
		return fmt.Sprintf("%s limits the number of requests: wait %s%s", e.service(), e.wait(), e.resumption())
	}
	return e.service() + " limits the number of requests: wait a while"
}

// wait returns how long to wait, at least a second.
func (e *Error) wait() time.Duration { return max(e.RetryAfter.Round(time.Second), time.Second) }

// resumption says when requests may start again, with the date if that is hours away.
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

// Temporary reports whether the same request may succeed later without a change on this side.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindThrottled, KindServer, KindTimeout, KindAnswer, KindHost, KindNetwork:
		return true
	}
	return false
}

package cbc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// transportError describes a request that got no response.
func (c *Client) transportError(ctx context.Context, err error) error {
	e := &Error{Kind: KindHost, Message: c.redact(innermost(err)), err: err}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind = KindCanceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Kind = KindTimeout
	default:
		e.explainConnection(err)
	}
	e.Message = c.redact(e.Message)
	return e
}

// explainConnection distinguishes transient failures from lasting ones, and failures to connect from broken connections.
func (e *Error) explainConnection(err error) {
	var dns *net.DNSError
	var network *net.OpError
	switch {
	case errors.As(err, &dns):
		e.explainName(dns)
	case isCertificate(err):
		e.Message = "its TLS certificate is not trusted: " + e.Message
	case isTimeout(err):
		e.Kind = KindTimeout
	case errors.As(err, &network) && network.Op == "proxyconnect":
		e.Message, e.transient = "the proxy cannot be reached: "+e.Message, true
	case errors.As(err, &network) && (network.Op == "remote error" || network.Op == "local error"):
		e.Message = "the TLS handshake failed: " + e.Message
	case errors.As(err, &network) && network.Op == "dial":
		e.transient = true
	case refusalOf(err) != 0: // by the proxy that was asked for a tunnel; net/http keeps only the words
		e.Status, e.Intermediary, e.transient = refusalOf(err), true, refusalOf(err) >= 500
		e.Message = "the proxy does not connect: " + e.Message
	case isBroken(err), network != nil:
		e.Kind, e.Message, e.transient = KindNetwork, "the connection was closed before a response arrived: "+e.Message, true
	}
}

// explainName distinguishes a name that does not exist from a temporary failure of the resolver.
func (e *Error) explainName(dns *net.DNSError) {
	if dns.IsNotFound || !dns.IsTemporary && !dns.IsTimeout {
		e.Message = "the host name " + dns.Name + " does not exist"
		return
	}
	e.Message, e.transient = "the lookup of the host name "+dns.Name+" failed temporarily: "+dns.Err, true
}

// refusalOf returns the HTTP status whose words an error consists of, 0 if there is none.
func refusalOf(err error) int {
	text := innermost(err)
	for status := 400; status < 600; status++ {
		if text != "" && text == http.StatusText(status) {
			return status
		}
	}
	return 0
}

func isCertificate(err error) bool {
	var unknownAuthority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &unknownAuthority) || errors.As(err, &hostname) || errors.As(err, &certificate)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// isBroken reports whether an established connection ended early.
func isBroken(err error) bool {
	for _, ended := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, ended) {
			return true
		}
	}
	var network *net.OpError
	if errors.As(err, &network) && (network.Op == "read" || network.Op == "write") {
		return true
	}
	if _, ok := errors.AsType[http2StreamError](err); ok {
		return true
	}
	text := innermost(err)
	for _, words := range brokenConnections {
		if strings.HasPrefix(text, words) {
			return true
		}
	}
	return false
}

// http2StreamError is a reset stream. The error of net/http is not exported, but errors.As converts it to any struct with these fields.
type http2StreamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (http2StreamError) Error() string { return "the stream was reset" }

// brokenConnections are the prefixes of untyped net/http errors: of HTTP/2 (GOAWAY, lost connections, protocol errors) and of HTTP/1.
var brokenConnections = []string{
	"http2: ", "connection error: ", "stream error: ",
	"connection reset by peer", "broken pipe", "software caused connection abort", // without the operation
	"http: server closed idle connection", "net/http: HTTP/1.x transport connection broken", "net/http: connection broken",
	"malformed MIME header", // a header that was cut off
}

// innermost returns the text of the cause, without the URL that url.Error adds.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

package cbc

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxRedirects bounds the hops from a job to the storage of its file.
	maxRedirects = 5
	// quiet is how long Carbon Black Cloud may bring nothing of a download before it is given up. Who reads it may take any time.
	quiet = 60 * time.Second
)

// Download opens the file of a job that has completed. The caller closes it. Reading fails if the file breaks off; what a server
// or a connection has compressed comes out plain. A failure is an *Error.
//
// The request holds its place in the rate limit only until the file begins: a large file takes minutes.
func (c *Client) Download(ctx context.Context, id string) (io.ReadCloser, error) {
	if !ValidJobID(id) {
		return nil, &Error{Kind: KindQuery, Message: "the id of the job is not one"}
	}
	r := request{endpoint: "download", method: http.MethodGet, path: c.JobsPath() + "/" + id + "/download", permission: PermissionJobs, repeatable: true}
	var file *download
	_, err := c.do(ctx, r, func(_ context.Context, r request) (err error) {
		file, err = c.open(ctx, r) // with the context of the caller, which lives as long as the file
		return err
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

// open sends the request and follows it to the file.
func (c *Client) open(ctx context.Context, r request) (*download, error) {
	reading, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(quiet, func() { cancel(errQuiet) })
	resp, err := c.follow(reading, r)
	if err != nil {
		watch.Stop()
		cancel(nil)
		return nil, err
	}
	d := &download{client: c, ctx: reading, cancel: cancel, watch: watch, resp: resp, plain: resp.Body}
	if err := d.unzip(); err != nil {
		_ = d.Close() // the failure has been found
		return nil, d.fail(err)
	}
	watch.Stop()
	return d, nil
}

var errQuiet = errors.New("nothing has come for a minute")

// follow sends the request, and on from redirect to redirect until a file answers.
func (c *Client) follow(ctx context.Context, r request) (*http.Response, error) {
	hr, err := c.signed(ctx, r)
	if err != nil {
		return nil, err
	}
	hr.Header.Set("Accept", "*/*")
	first := hr.URL
	for range maxRedirects {
		resp, err := c.clientFor(hr).Do(hr)
		if err != nil {
			return nil, c.transportError(ctx, err)
		}
		location := resp.Header.Get("Location")
		switch {
		case resp.StatusCode >= 200 && resp.StatusCode <= 299:
			return resp, nil
		case resp.StatusCode >= 300 && resp.StatusCode <= 399 && location != "":
			hr, err = c.onwards(ctx, hr.URL, location)
		case c.wantsToken(hr, resp):
			hr = hr.Clone(ctx)
			c.sign(hr, r)
		default:
			err = c.unopened(r, resp, hr.URL != first)
		}
		_ = resp.Body.Close() // it has said all that it can
		if err != nil {
			return nil, err
		}
	}
	return nil, &Error{Kind: KindAnswer, Message: "the download is redirected too often"}
}

// wantsToken reports whether the configured host itself refuses a redirect that was followed without the token.
func (c *Client) wantsToken(hr *http.Request, resp *http.Response) bool {
	refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	return refused && c.home(hr.URL) && !signedAlready(hr)
}

// home reports whether an address is one of the configured host.
func (c *Client) home(u *url.URL) bool { return u.Scheme == c.base.Scheme && u.Host == c.base.Host }

// unopened explains why there is no file. What a storage refuses has nothing to do with the API key, and a wait that it asks for holds
// for it alone: the address of a file is signed for a while, and a new one may do.
func (c *Client) unopened(r request, resp *http.Response, redirected bool) error {
	if !redirected {
		return c.statusError(r, resp)
	}
	wait := retryAfter(resp.Header.Get("Retry-After"), c.config.Now())
	resp.Header.Del("Retry-After")
	if resp.StatusCode == http.StatusNotFound {
		return c.statusError(r, resp)
	}
	message := fmt.Sprintf("the storage of the file answers HTTP %d", resp.StatusCode)
	if wait > 0 {
		message += fmt.Sprintf(" and asks to wait %s", max(wait.Round(time.Second), time.Second))
	}
	return &Error{Kind: KindServer, Message: message, transient: wait == 0}
}

// clientFor returns the HTTP client for the host of a request. That of the settings is for the configured host only.
func (c *Client) clientFor(hr *http.Request) *http.Client {
	if c.home(hr.URL) {
		return c.http
	}
	client := *c.config.Storage
	client.CheckRedirect = c.http.CheckRedirect
	client.Timeout = 0 // it would apply to the whole file
	return &client
}

// onwards is the request for where a file is kept. It carries no token, and never goes in the clear but from one loopback host to
// another.
func (c *Client) onwards(ctx context.Context, from *url.URL, location string) (*http.Request, error) {
	to, err := from.Parse(location)
	if err != nil {
		return nil, &Error{Kind: KindAnswer, Message: "it redirects to an invalid address"}
	}
	if to.Scheme != "https" && (to.Scheme != "http" || !loopback(to.Hostname()) || !loopback(c.base.Hostname())) {
		return nil, &Error{Kind: KindAnswer, Message: "it redirects to an address that is not https"}
	}
	to.User = nil
	hr, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, &Error{Kind: KindAnswer, Message: "it redirects to an invalid address"}
	}
	hr.Header.Set("User-Agent", c.config.UserAgent)
	return hr, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// download is a file on its way.
type download struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer
	resp   *http.Response
	plain  io.Reader
	read   int64
}

// unzip sees whether the file is compressed: by what it says, or by how it begins, since no audit log begins like that.
func (d *download) unzip() error {
	if d.resp.StatusCode == http.StatusNoContent {
		return nil
	}
	begin := bufio.NewReaderSize(d.resp.Body, 64<<10)
	d.plain = begin
	magic, err := begin.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return nil // an empty file, or one whose reading returns the error
	}
	d.plain, err = gzip.NewReader(begin)
	return err
}

// EndProven reports whether an end of the file that is read is its own: by its length, by the frames that it comes in, or by the sum
// of what is compressed. Where a file merely ends with the connection, it may have been cut.
func (d *download) EndProven() bool {
	_, zipped := d.plain.(*gzip.Reader)
	return zipped || d.resp.Uncompressed || d.resp.ContentLength >= 0 || len(d.resp.TransferEncoding) > 0 || d.resp.ProtoMajor > 1
}

func (d *download) Read(p []byte) (int, error) {
	d.watch.Reset(quiet)
	n, err := d.plain.Read(p)
	d.watch.Stop()
	d.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.fail(err)
	}
	return n, err
}

// fail explains a file that broke off.
func (d *download) fail(err error) error {
	if errors.Is(context.Cause(d.ctx), errQuiet) {
		return &Error{Kind: KindTimeout, Status: d.resp.StatusCode, Message: errQuiet.Error(), err: err}
	}
	counted := &boundedReader{read: d.read, err: err}
	return d.client.answerError(d.ctx, counted, d.resp, err)
}

// Close ends the download, wherever it is.
func (d *download) Close() error {
	d.watch.Stop()
	d.cancel(nil)
	return d.resp.Body.Close()
}

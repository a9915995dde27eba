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
	// maxRedirects bounds the redirects from a job to the storage of its file.
	maxRedirects = 5
	// maxIdle is how long a download may receive nothing before it fails. The time that the reader takes does not count.
	maxIdle = 60 * time.Second
)

// Download opens the file of a completed job. The caller must close it. The file is decompressed, and reading fails if it is interrupted.
// The errors are of type *Error.
//
// The request holds its place in the rate limit only until the file begins: a large file takes minutes.
func (c *Client) Download(ctx context.Context, id string) (io.ReadCloser, error) {
	if !ValidJobID(id) {
		return nil, &Error{Kind: KindQuery, Message: "the job ID is invalid"}
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

// open sends the request and follows its redirects to the file.
func (c *Client) open(ctx context.Context, r request) (*download, error) {
	reading, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(maxIdle, func() { cancel(errIdle) })
	resp, err := c.follow(reading, r)
	if err != nil {
		watch.Stop()
		cancel(nil)
		return nil, err
	}
	d := &download{client: c, ctx: reading, cancel: cancel, watch: watch, resp: resp, plain: resp.Body}
	if err := d.decompress(); err != nil {
		_ = d.Close() // the failure is known already
		return nil, d.fail(err)
	}
	watch.Stop()
	return d, nil
}

var errIdle = errors.New("no data for a minute")

// follow sends the request and follows redirects until there is a file.
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
			hr, err = c.redirected(ctx, hr.URL, location)
		case c.needsCredential(hr, resp):
			hr = hr.Clone(ctx)
			c.sign(hr, r)
		default:
			err = c.storageError(r, resp, hr.URL != first)
		}
		_ = resp.Body.Close() // it is not needed any more
		if err != nil {
			return nil, err
		}
	}
	return nil, &Error{Kind: KindAnswer, Message: "the download has too many redirects"}
}

// needsCredential reports whether the configured host rejects a redirect to itself that was followed without the credential.
func (c *Client) needsCredential(hr *http.Request, resp *http.Response) bool {
	rejected := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	return rejected && c.isConfiguredHost(hr.URL) && !signedAlready(hr)
}

// isConfiguredHost reports whether an address is on the configured host.
func (c *Client) isConfiguredHost(u *url.URL) bool {
	return u.Scheme == c.base.Scheme && u.Host == c.base.Host
}

// storageError describes why there is no file. A rejection by the storage proves nothing about the credential, and a wait that it asks for
// applies to it alone: the address of a file is signed for a limited time, and a new one may work.
func (c *Client) storageError(r request, resp *http.Response, redirected bool) error {
	if !redirected {
		return c.statusError(r, resp)
	}
	wait := retryAfter(resp.Header.Get("Retry-After"), c.config.Now())
	resp.Header.Del("Retry-After")
	if resp.StatusCode == http.StatusNotFound {
		return c.statusError(r, resp)
	}
	message := fmt.Sprintf("the storage of the file returned HTTP %d", resp.StatusCode)
	if wait > 0 {
		message += fmt.Sprintf(" and asks to wait %s", max(wait.Round(time.Second), time.Second))
	}
	return &Error{Kind: KindServer, Message: message, transient: wait == 0}
}

// clientFor returns the HTTP client for the host of a request. That of the settings is for the configured host only.
func (c *Client) clientFor(hr *http.Request) *http.Client {
	if c.isConfiguredHost(hr.URL) {
		return c.http
	}
	client := *c.config.Storage
	client.CheckRedirect = c.http.CheckRedirect
	client.Timeout = 0 // it would apply to the whole file
	return &client
}

// redirected returns the request for the address in a redirect. It has no credential, and uses https unless both hosts are loopback hosts.
func (c *Client) redirected(ctx context.Context, from *url.URL, location string) (*http.Request, error) {
	to, err := from.Parse(location)
	if err != nil {
		return nil, &Error{Kind: KindAnswer, Message: "it redirects to an invalid address"}
	}
	if to.Scheme != "https" && (to.Scheme != "http" || !loopback(to.Hostname()) || !loopback(c.base.Hostname())) {
		return nil, &Error{Kind: KindAnswer, Message: "it redirects to an address without https"}
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

// download is an open file.
type download struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer
	resp   *http.Response
	plain  io.Reader
	read   int64
}

// decompress decompresses a gzip file. It is recognized by its first bytes, which no audit log begins with.
func (d *download) decompress() error {
	if d.resp.StatusCode == http.StatusNoContent {
		return nil
	}
	buffered := bufio.NewReaderSize(d.resp.Body, 64<<10)
	d.plain = buffered
	magic, err := buffered.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return nil // empty, or reading it returns the error
	}
	d.plain, err = gzip.NewReader(buffered)
	return err
}

// EndProven reports whether io.EOF proves that the file is complete: by its length, its framing or its checksum. A file that ends with the
// connection may be truncated.
func (d *download) EndProven() bool {
	_, zipped := d.plain.(*gzip.Reader)
	return zipped || d.resp.Uncompressed || d.resp.ContentLength >= 0 || len(d.resp.TransferEncoding) > 0 || d.resp.ProtoMajor > 1
}

func (d *download) Read(p []byte) (int, error) {
	d.watch.Reset(maxIdle)
	n, err := d.plain.Read(p)
	d.watch.Stop()
	d.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.fail(err)
	}
	return n, err
}

// fail describes why a file was interrupted.
func (d *download) fail(err error) error {
	if errors.Is(context.Cause(d.ctx), errIdle) {
		return &Error{Kind: KindTimeout, Status: d.resp.StatusCode, Message: errIdle.Error(), err: err}
	}
	counted := &boundedReader{read: d.read, err: err}
	return d.client.responseError(d.ctx, counted, d.resp, err)
}

// Close ends the download.
func (d *download) Close() error {
	d.watch.Stop()
	d.cancel(nil)
	return d.resp.Body.Close()
}
